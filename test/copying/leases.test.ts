import { mock } from 'node:test'
import t from 'tap'
import { Leases } from '../../src/copying/leases.ts'
import type { JobEnd } from '../../src/copying/ports.ts'
import type { JobDeps } from '../../src/copying/run-job.ts'
import type { Connection } from '../../src/source/budget.ts'

let now = 0
mock.method(performance, 'now', () => now)
mock.timers.enable({ apis: ['setInterval'] })

const SECONDS = 1_000

/** Lets the time pass, in steps as small as those in which leases are renewed. */
async function pass(ms: number): Promise<void> {
  for (const end = now + ms; now < end; ) {
    now += SECONDS
    mock.timers.tick(SECONDS)
    // Whatever the timers began goes on.
    await new Promise(setImmediate)
  }
}

t.test('a lease is as old as its question, however late the answer came', async (t) => {
  const seen: unknown[] = []
  const deps = {
    worker: { id: 'w', host: 'h', copyingHost: 'p', takesOver: false, early: false },
    jobs: {
      async claim(_: unknown, { migrationId }: { migrationId: string }) {
        await pass(8 * SECONDS)
        const standing = { state: 'pending', failures: 0, unchangedRuns: 0, isFinishRequested: false }
        return {
          migrationId,
          address: 'anna@new.example',
          order: { provider: {} },
          sealed: new Uint8Array(),
          ...standing,
        }
      },
      renew: () => Promise.reject(new Error('the database is away')),
      end: async () => null,
    },
    keyring: { open: async () => ({ credential: { address: 'anna@new.example', username: 'anna', password: 'x' } }) },
    engine: { choose: async () => 'doveadm' },
    keepConnection: () => ({ [Symbol.asyncDispose]: async () => undefined }),
    meterSource: () => ({ [Symbol.dispose]: () => undefined }),
    bytesRead: { today: async () => 0, take: () => undefined },
    statusCheck: {
      check: (_provider: unknown, _credential: unknown, signal: AbortSignal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            seen.push([now, signal.reason])
            resolve({ kind: 'trouble', code: 'old-timeout', cause: null, answered: false })
          })
        }),
    },
    ...{ limitMs: 3_600_000, now: () => new Date(), chance: () => 0.5 },
  } as unknown as JobDeps
  using leases = new Leases(deps)
  const leased = await leases.claim({ migrationId: '1' })
  t.match(leased, { askedAt: 0, job: { migrationId: '1' } })
  if (leased === null) return
  const connection = { signal: new AbortController().signal } as Connection
  const ended = leases.run(leased, connection, { onMessage: () => undefined })
  await pass(40 * SECONDS)
  t.same(seen, [[25 * SECONDS, 'lost-lock']], 'before the lease of half a minute is over, and somebody else takes it')
  t.match(await ended, { ending: 'lost-lock' })
})

t.test(
  'a worker that has its own job again goes on with that one alone, whatever becomes of the run before',
  async (t) => {
    const opened: (() => void)[] = []
    const renewed: string[][] = []
    const ends: unknown[] = []
    const job = { migrationId: '1', address: 'anna@new.example', order: { provider: {} }, sealed: new Uint8Array() }
    const deps = {
      jobs: {
        claim: async () => ({ ...job, state: 'pending', failures: 0, unchangedRuns: 0 }),
        async renew(_: unknown, running: ReadonlyMap<string, unknown>) {
          renewed.push([...running.keys()])
          return new Map([...running.keys()].map((id) => [id, true]))
        },
        async end(_job: unknown, _worker: unknown, { attempt }: JobEnd) {
          ends.push(attempt?.result.output)
          return { isFinished: false }
        },
      },
      keyring: {
        open: () =>
          new Promise((resolve) => opened.push(() => resolve({ refused: 'credential-unopened', why: 'late' }))),
      },
      totals: { add: async () => undefined },
      ...{ limitMs: 3_600_000, now: () => new Date(), chance: () => 0.5 },
    } as unknown as JobDeps
    using leases = new Leases(deps)
    const begin = async () => {
      const leased = await leases.claim({ migrationId: '1' })
      if (leased === null) throw new Error('there is a job')
      const connection = { signal: new AbortController().signal } as Connection
      return leases.run(leased, connection, { onMessage: () => undefined })
    }
    const first = begin()
    while (opened.length < 1) await new Promise(setImmediate)
    const second = begin()
    while (opened.length < 2) await new Promise(setImmediate)
    opened[0]?.()
    t.match(await first, { ending: 'lost-lock' })
    t.same(ends, [], 'it does not end the job of the second')
    await pass(6 * SECONDS)
    t.same(renewed, [['1']], 'whose lease is renewed')
    opened[1]?.()
    t.match(await second, { ending: 'credential-unopened' })
    t.same(ends, ['late'])
  },
)
