import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { isPassword } from '../../model/texts.ts'
import { EXIT, Failure } from './exit.ts'

// Longer than any password with its newline.
const INPUT_LIMIT = 4 * 1024

/** One password: a line on standard input, or typed twice without being shown. @throws Failure */
export async function readPassword(whose: string): Promise<string> {
  const password = process.stdin.isTTY ? await askTwice(whose) : await readLine(process.stdin)
  if (password === '') throw new Failure(EXIT.data, 'the password is empty: give it on standard input, as one line')
  if (!isPassword(password)) {
    throw new Failure(EXIT.data, 'no password: it must be one line of UTF-8, at most 1024 bytes, without NUL and CR')
  }
  return password
}

/** All of the input without its final newline; nothing else is trimmed. */
async function readLine(input: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of input) {
    chunks.push(chunk)
    size += chunk.length
    if (size > INPUT_LIMIT) break
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks))
    return text.replace(/\n$/, '')
  } catch {
    throw new Failure(EXIT.data, 'the password is not UTF-8')
  }
}

async function askTwice(whose: string): Promise<string> {
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: silence, terminal: true, historySize: 0 })
  const interrupted = new Promise<never>((_, reject) => {
    terminal.once('SIGINT', () => reject(new Failure(EXIT.tempfail, 'interrupted: nothing is changed')))
    terminal.once('close', () => reject(new Failure(EXIT.data, 'no password was typed: nothing is changed')))
  })
  interrupted.catch(() => undefined)
  const ask = async (prompt: string) => {
    process.stderr.write(prompt)
    const typed = new Promise<string>((resolve) => terminal.once('line', resolve))
    return await Promise.race([typed, interrupted]).finally(() => process.stderr.write('\n'))
  }
  try {
    const first = await ask(`Password of ${whose}: `)
    if (first === (await ask('The same again: '))) return first
    throw new Failure(EXIT.data, 'the two passwords are not the same: nothing is changed')
  } finally {
    terminal.close()
  }
}
