// Runs one `postferry` command after the other, each by evaluating main.js anew: they share what it imports. What a
// command prints goes to the standard streams, and END behind it.
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { type Asked, END, type Said } from './commands.ts'
import { MAIN } from './program.ts'

const user = process.getuid?.()
let count = 0

process.setMaxListeners(0)
for (const output of [process.stdout, process.stderr]) output.setMaxListeners(0)
process.on('message', async ({ args, input, env }: Asked) => {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name]
  Object.assign(process.env, env)
  Object.defineProperty(process, 'stdin', { value: Readable.from([Buffer.from(input)]), configurable: true })
  process.argv = [process.execPath, MAIN, ...args]
  process.exitCode = undefined
  try {
    await import(`${pathToFileURL(MAIN)}?${++count}`)
  } catch (error) {
    console.error(error)
    process.exitCode = 1
  }
  const said: Said = { exitCode: Number(process.exitCode ?? 0), isLast: process.getuid?.() !== user }
  process.exitCode = undefined
  for (const stream of [process.stdout, process.stderr]) stream.write(END)
  process.send?.(said)
  // Who has become somebody else stays so.
  if (said.isLast) process.disconnect()
})
