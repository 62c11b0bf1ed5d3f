import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import t from 'tap'
import { mustRun, rows } from '../support/ferry.ts'
import { type RunningService, startService } from '../support/service.ts'

const PEOPLE = 100_000
const MIB = 1024 * 1024
const MEMORY_LIMIT = 400 * MIB
// Little enough to be too little for whoever keeps every line.
const HEAP = '--max-old-space-size=64'
const PROGRAM = join(import.meta.dirname, '../../src/mailferry.ts')

let service: RunningService
t.before(async () => {
  service = await startService()
  await mustRun(service, 'provider', 'add', 'old', '--host', 'localhost')
  await mustRun(service, 'domain', 'add', 'old.example', '--provider', 'old')
})
t.after(() => service[Symbol.asyncDispose]())

/** A file with so many people, every tenth with a password. */
async function peopleFile(count: number): Promise<string> {
  const path = join(service.dataDir, `people-${count}.csv`)
  const file = createWriteStream(path)
  file.write('address,old_username,old_password\n')
  for (let number = 1; number <= count; number++) {
    const password = number % 10 === 0 ? `pw ${number}` : ''
    if (!file.write(`p${number}@old.example,user${number},${password}\n`)) await once(file, 'drain')
  }
  file.end()
  await finished(file)
  return path
}

/** Imports the file; how much memory that took at most. */
async function load(path: string) {
  const child = spawn(process.execPath, [HEAP, PROGRAM, 'import', path], { env: service.environment })
  let [stdout, stderr, memory] = ['', '', 0]
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
  const timer = setInterval(() => (memory = Math.max(memory, memoryOf(child.pid ?? 0))), 50)
  await once(child, 'close')
  clearInterval(timer)
  return { exitCode: child.exitCode, stdout, stderr, memory }
}

function memoryOf(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

t.test('an import that is killed leaves nobody behind', async (t) => {
  const path = await peopleFile(50_000)
  const child = spawn(process.execPath, [PROGRAM, 'import', path], { env: service.environment })
  for await (const text of child.stderr.setEncoding('utf8')) if (/^20000 lines read$/m.test(text)) child.kill('SIGKILL')
  t.equal(child.signalCode ?? (await once(child, 'exit'))[1], 'SIGKILL')
  t.same(await rows(service, 'migration', 'list'), [])
})

t.test('a hundred thousand people are imported in bounded memory, with lines that tell how far it is', async (t) => {
  const path = await peopleFile(PEOPLE)
  const first = await load(path)
  t.equal(first.stderr, Array.from({ length: 10 }, (_, at) => `${(at + 1) * 10_000} lines read\n`).join(''))
  t.match(first, {
    exitCode: 0,
    stdout: /^imported 100000 of 100000 people: 90000 awaited, 10000 with their password;/,
  })
  t.ok(first.memory > 50 * MIB, 'the memory was looked at')
  t.ok(first.memory < MEMORY_LIMIT, `${Math.round(first.memory / MIB)} MiB`)
  const again = await load(path)
  t.match(again.stdout, /^imported 0 of 100000 people: .*; 100000 were there already/)
  t.ok(again.memory < MEMORY_LIMIT, `${Math.round(again.memory / MIB)} MiB`)
  const found = await rows(service, 'migration', 'list', '--search', 'p99990@')
  t.match(found, [{ old_username: 'user99990', state: 'pending' }])
})

t.end()
