import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Debian, OWN } from './debian.ts'

const SHIPPED = fileURLToPath(new URL('../../src/engines/offlineimap/python', import.meta.url))

/** Runs Python that reads JSON from standard input and prints JSON; it may import what belongs to the pythonfile. */
export async function askPython<T>(code: string, input: unknown, { enter }: Debian = OWN): Promise<T> {
  const env = { PYTHONPATH: SHIPPED, PYTHONDONTWRITEBYTECODE: '1', PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' }
  const [program = '', ...args] = [...enter, '/usr/bin/python3', '-c', code]
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const output: Buffer[] = []
  child.stdout.on('data', (bytes) => output.push(bytes))
  child.stdin.end(JSON.stringify(input))
  const [status] = await once(child, 'close')
  if (status !== 0) throw new Error(`Python ended with ${status}`)
  return JSON.parse(Buffer.concat(output).toString())
}
