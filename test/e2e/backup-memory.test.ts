import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { MAIN } from '../support/program.ts'
import { query } from '../support/query.ts'
import { startService } from '../support/service.ts'

const MEGABYTE = 1024 * 1024
const [FEW, MANY] = [10_000, 60_000]
const ROW_BYTES = 64 * 32

/** Rows of which no two are alike. */
const fill = (count: number) => `insert into audit (at, actor, action, subject, reason)
  select now(), 'test', 'test', 'x', (select string_agg(md5(random()::text || n || part), '') from generate_series(1, 64) as part)
  from generate_series(1, ${count}) as n`

const folder = mkdtempSync(join(tmpdir(), 'postferry-backup-memory-'))
t.after(() => rmSync(folder, { recursive: true }))

/** Runs a command to its end. @returns the most memory that it had, in bytes */
async function mostMemory(env: NodeJS.ProcessEnv, ...args: string[]): Promise<number> {
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: 'ignore' })
  const ended = once(child, 'exit')
  let most = 0
  const looks = setInterval(() => {
    const [, peak] = /^VmHWM:\s+(\d+) kB$/m.exec(statusOf(child.pid)) ?? []
    most = Math.max(most, Number(peak ?? 0) * 1_024)
  }, 20)
  const [code] = await ended
  clearInterval(looks)
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`)
  return most
}

function statusOf(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}

t.test('a large database is written into a file, and read from it, in the memory of a small one', async (t) => {
  await using service = await startService()
  const memoryFor = async (count: number) => {
    await query(service.dataDir, fill(count))
    const file = join(folder, `${count}.gz`)
    const written = await mostMemory(service.environment, 'backup', file)
    await using other = await startService()
    await other.stop()
    const read = await mostMemory(other.environment, 'restore', file)
    await other.start()
    const { rows } = await query(other.dataDir, `select count(*)::int as rows from audit where action = 'test'`)
    return { written, read, rows: rows[0].rows }
  }
  const few = await memoryFor(FEW)
  const many = await memoryFor(MANY - FEW)
  t.equal(many.rows, MANY)
  const more = MANY * ROW_BYTES - FEW * ROW_BYTES
  for (const way of ['written', 'read'] as const) {
    const growth = many[way] - few[way]
    t.ok(growth < more / 2, `${way}: ${growth / MEGABYTE} MB more for ${more / MEGABYTE} MB more`)
  }
})
