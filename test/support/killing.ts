import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Way } from './flip-watch.ts'
import type { FlipsAtWork } from './flips-at-work.ts'
import { query } from './query.ts'
import { until } from './until.ts'

export const VICTIMS = ['worker', 'serve', 'doveadm', 'PostgreSQL', 'Dovecot'] as const
export type Victim = (typeof VICTIMS)[number]

/** From when on a kill may come, and how long it may wait then. */
const MOMENTS = [
  { after: 'the job', waitMs: 1_500, isReached: ({ isUnderWay, step }: Way) => isUnderWay || step !== null },
  { after: 'the hold', waitMs: 600, isReached: ({ step }: Way) => step !== null },
  { after: 'the hold', waitMs: 600, isReached: ({ step }: Way) => step !== null },
  { after: 'the moves', waitMs: 100, isReached: ({ step }: Way) => step !== null && step !== 'held' },
] as const

/** One kill, as its seed has it. */
export interface Plan {
  readonly seed: number
  readonly victim: Victim
  readonly moment: (typeof MOMENTS)[number]
  readonly waitMs: number
  readonly which: number
}

/** Each victim in turn; the rest is drawn. */
export function planned(seed: number): Plan {
  const random = numbers(seed)
  const moment = MOMENTS[Math.floor(random() * MOMENTS.length)] ?? MOMENTS[0]
  const victim = VICTIMS[seed % VICTIMS.length] ?? 'worker'
  return { seed, victim, moment, waitMs: Math.round(random() * moment.waitMs), which: random() }
}

/** Always the same numbers from 0 to 1 (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface Killed extends Plan {
  /** How far the person was. */
  readonly at: string
  /** Until what was killed worked again. */
  readonly downMs: number
}

/** Kills whoever takes part in a person's flip, and waits until it is back. @returns null: the flip was faster */
export async function kill(work: FlipsAtWork, person: string, plan: Plan): Promise<Killed | null> {
  await work.isOnTheWay(person, `is at ${plan.moment.after}`, plan.moment.isReached)
  await pause(plan.waitMs)
  const before = work.watch.of(person)
  const begun = performance.now()
  if (!(await KILLS[plan.victim](work, person, plan.which))) return null
  const at = `${before?.route}${before?.step ? ` (${before.step})` : ''}`
  return { ...plan, at, downMs: Math.round(performance.now() - begun) }
}

type Kill = (work: FlipsAtWork, person: string, which: number) => Promise<boolean>

const KILLS: Readonly<Record<Victim, Kill>> = {
  /** Half of them leave their leases: a hold is over before these are. */
  async worker(work, _, which) {
    work.sync.kill('SIGKILL')
    await work.sync.end
    const { dataDir } = work.world.ferry.service
    if (which < 0.5) await query(dataDir, 'update job set leased_until = now() where holder is not null')
    work.startWorker()
    return true
  },
  async serve({ world: { ferry } }) {
    await ferry.service.stop('SIGKILL')
    await ferry.service.start()
    return true
  },
  async doveadm({ sync, watch }, person) {
    const killed = await until(() => {
      if (watch.of(person)?.route === 'destination') return 'nobody'
      return killChild(sync.pid, 'doveadm') && 'one'
    }, 'a doveadm runs')
    return killed === 'one'
  },
  /** One of its processes ends all the others, and it recovers; without the first of them it is started again. */
  async PostgreSQL({ world: { ferry } }, _, which) {
    const { dataDir } = ferry.service
    const file = join(dataDir, 'postgres/postmaster.pid')
    const [postmaster = ''] = readFileSync(file, 'utf8').split('\n')
    const all = [Number(postmaster), ...childrenOf(postmaster)]
    process.kill(all[Math.floor(which * all.length)] as number, 'SIGKILL')
    await until(
      () =>
        query(dataDir, 'select 1').then(
          () => true,
          () => false,
        ),
      'the database is back',
    )
    return true
  },
  async Dovecot({ world: { dovecot } }) {
    await dovecot.kill()
    await dovecot.start()
    return true
  },
}

function childrenOf(parent: string): number[] {
  return execFileSync('pgrep', ['--parent', parent], { encoding: 'utf8' }).trim().split('\n').map(Number)
}

function killChild(parent: number, name: string): boolean {
  try {
    execFileSync('pkill', ['-KILL', '--parent', `${parent}`, name])
    return true
  } catch {
    return false
  }
}
