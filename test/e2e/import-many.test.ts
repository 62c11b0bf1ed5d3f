import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import t from 'tap'
import { mustRun, rows } from '../support/ferry.ts'
import { type RunningService, startService } from '../support/service.ts'

const FEW = 10_000
/** The soak has more: people, and passwords to seal, one for so many people. */
const [MANY, ONE_OF] = process.env.POSTFERRY_SOAK === undefined ? [60_000, 50] : [100_000, 10]
const MEMORY_LIMIT_KB = 400 * 1024
/** Whoever kept every line would need twice as much more. */
const GROWTH_LIMIT_KB = ((MANY - FEW) / 4_500) * 1024
const LONG_NAME = 'x'.repeat(200)
// As it is started on a server: how garbage is collected decides how much memory a process takes.
const POSTFERRY = join(import.meta.dirname, '../../bin/postferry')

let service: RunningService
t.before(async () => {
  service = await startService()
  await mustRun(service, 'provider', 'add', 'old', '--host', 'localhost')
  await mustRun(service, 'domain', 'add', 'old.example', '--provider', 'old')
})
t.after(() => service[Symbol.asyncDispose]())

/** A file with so many people, some with a password. */
async function peopleFile(count: number, name = 'p'): Promise<string> {
  const path = join(service.dataDir, `${name}-${count}.csv`)
  const file = createWriteStream(path)
  file.write('address,old_username,old_password\n')
  for (let number = 1; number <= count; number++) {
    const password = number % ONE_OF === 0 ? `pw ${number}` : ''
    const line = `${name}${number}@old.example,${name}${number}${LONG_NAME},${password}\n`
    if (!file.write(line)) await once(file, 'drain')
  }
  file.end()
  await finished(file)
  return path
}

/** Imports the file; how many kB of memory that took at most. */
async function load(path: string) {
  const child = spawn(POSTFERRY, ['import', path], { env: service.environment })
  let [stdout, stderr, memory] = ['', '', 0]
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
  const timer = setInterval(() => (memory = Math.max(memory, peakOf(child.pid ?? 0))), 50)
  await once(child, 'close')
  clearInterval(timer)
  return { exitCode: child.exitCode, stdout, stderr, memory }
}

const inWords = (count: number) => count.toLocaleString('en')

function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

t.test('an import that is killed leaves nobody behind', async (t) => {
  const path = await peopleFile(20_000)
  const child = spawn(POSTFERRY, ['import', path], { env: service.environment })
  for await (const text of child.stderr.setEncoding('utf8'))
    if (/^10,000 of about [\d,]+ lines read/m.test(text)) child.kill('SIGKILL')
  t.equal(child.signalCode ?? (await once(child, 'exit'))[1], 'SIGKILL')
  t.equal((await rows(service, 'migration', 'list')).length, 0)
})

t.test(
  'many times ten thousand people are imported in the memory of ten thousand, with lines that tell how far it is',
  async (t) => {
    const few = await load(await peopleFile(FEW, 'few'))
    t.match(few.stdout, /^imported 10,000 of 10,000 people/)
    const path = await peopleFile(MANY)
    const many = await load(path)
    const told = [
      ...many.stderr.matchAll(/^([\d,]+)(?: of about [\d,]+)? lines read(, \d+ %, [\d,]+\/s, \d+ (s|min) left)?$/gm),
    ]
    t.same(
      told.map(([, lines]) => lines),
      Array.from({ length: MANY / FEW }, (_, at) => inWords((at + 1) * FEW)),
    )
    t.ok(told.at(-1)?.[2], 'how fast, and how long it still takes')
    t.match(many, {
      exitCode: 0,
      stdout: `imported ${inWords(MANY)} of ${inWords(MANY)} people: ${inWords(MANY - MANY / ONE_OF)} awaited, ${inWords(MANY / ONE_OF)} with their password;`,
    })
    t.comment(`${few.memory} and ${many.memory} kB`)
    t.ok(few.memory > 50 * 1024, 'the memory was looked at')
    t.ok(many.memory < MEMORY_LIMIT_KB, `${many.memory} kB`)
    t.ok(many.memory - few.memory < GROWTH_LIMIT_KB, `${few.memory} and ${many.memory} kB`)
    const again = await load(path)
    t.match(again.stdout, new RegExp(`^imported 0 of ${inWords(MANY)} people: .*; ${inWords(MANY)} were there already`))
    t.ok(again.memory < MEMORY_LIMIT_KB, `${again.memory} kB`)
    t.ok(again.memory - few.memory < GROWTH_LIMIT_KB, `${few.memory} and ${again.memory} kB`)
    const found = await rows(service, 'migration', 'list', '--search', `p${MANY - ONE_OF}@`)
    t.match(found, [{ old_username: `p${MANY - ONE_OF}${LONG_NAME}`, state: 'pending' }])
  },
)

t.end()
