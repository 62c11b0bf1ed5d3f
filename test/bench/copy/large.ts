import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import type { World } from '../crossing/world.ts'
import type { Line } from '../row.ts'
import { aloneLine } from '../table.ts'
import { addMessage, allHere, secondsUntil, startHuge, startOne } from './mailbox.ts'
import type { CopyRow } from './size.ts'

const FIRST = 1_000
const FIRST_SECONDS = 5
const LARGE_BYTES = 150_000_000
const MOST_MB = 100

interface HugeSize {
  readonly messages: number
  /** As many in each; the first is the INBOX. */
  readonly folders: number
}

const SHORT_SIZES: readonly HugeSize[] = [{ messages: 5_000, folders: 1 }]
const FULL_SIZES: readonly HugeSize[] = [
  { messages: 200_000, folders: 40 },
  { messages: 50_000, folders: 1 },
  { messages: 200_000, folders: 1 },
]
const IDLE_MS = 3_000
const LOOK_MS = 50

export const large: CopyRow = {
  name: 'large',
  about: 'a large mailbox: when its first 1,000 messages are here, and memory',
  async measure({ isFull }): Promise<Line[]> {
    const lines = [await firstOf(isFull ? 50_000 : 5_000)]
    for (const size of isFull ? FULL_SIZES : SHORT_SIZES) lines.push(...(await memoryFor(size)))
    return lines
  },
}

async function firstOf(messages: number): Promise<Line> {
  await using world = await startOne(['INBOX'], messages)
  const seconds = await secondsUntil(world, '', FIRST)
  return aloneLine(
    `a mailbox of ${inWords(messages)}: first ${inWords(FIRST)} messages visible`,
    `${seconds.toFixed(1)} s`,
    `≤ ${FIRST_SECONDS} s`,
    seconds <= FIRST_SECONDS,
  )
}

async function memoryFor({ messages, folders }: HugeSize): Promise<Line[]> {
  await using world = await startHuge(messages, folders)
  const without = await memoryOf(world, messages)
  await world.reset()
  await addMessage(world, 'INBOX', LARGE_BYTES)
  const most = await memoryOf(world, messages + 1)
  const line = (what: string, megabytes: number) =>
    aloneLine(what, `${megabytes.toFixed(0)} MB`, `≤ ${MOST_MB} MB`, megabytes <= MOST_MB)
  const where = folders === 1 ? 'in one folder' : `in ${folders} folders`
  return [
    line(
      `memory above the idle worker, all doveadm included: ${inWords(messages)} messages ${where}, and one of 150 MB`,
      most,
    ),
    line('the same without that one', without),
  ]
}

function inWords(count: number): string {
  return count.toLocaleString('en-US')
}

/** In megabytes, until so many messages are here, and proved. */
async function memoryOf(world: World, messages: number): Promise<number> {
  await world.query(`update job set due_at = 'infinity'`)
  const worker = world.start('postferry', ['sync'])
  await wait(IDLE_MS)
  const idle = megabytes(worker)
  let most = idle
  await world.query(`update job set due_at = now(); notify postferry_jobs`)
  for (;;) {
    most = Math.max(most, megabytes(worker))
    const { rows } = await world.query(`select count(*) from migration where state = 'synced'`)
    if (Number(rows[0].count) === 1) break
    if (worker.exitCode !== null) throw new Error('the worker has ended')
    await wait(LOOK_MS)
  }
  worker.kill('SIGTERM')
  await once(worker, 'exit')
  if (allHere(world) < messages) throw new Error('not all are here')
  return most - idle
}

/** Of a process and all that it has started; what several share counts once. */
function megabytes({ pid }: ChildProcess): number {
  const children = Map.groupBy(processes(), ({ parent }) => parent)
  const bytes = (of: number): number =>
    proportional(of) + (children.get(of) ?? []).reduce((sum, child) => sum + bytes(child.pid), 0)
  return bytes(pid ?? 0) / 1000
}

function processes(): { pid: number; parent: number }[] {
  return readdirSync('/proc').flatMap((name) => {
    const parent = /^\d+ \(.*\) \S (\d+)/s.exec(/^\d+$/.test(name) ? textOf(`/proc/${name}/stat`) : '')?.[1]
    return parent === undefined ? [] : [{ pid: Number(name), parent: Number(parent) }]
  })
}

/** In kilobytes. */
function proportional(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(textOf(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0)
}

/** Empty: it has ended. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
