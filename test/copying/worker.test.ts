import t from 'tap'
import type { Job, Wanted } from '../../src/copying/ports.ts'
import type { WorkDeps } from '../../src/copying/worker.ts'

/** Rests of the worker that nothing has ended yet. */
const rests: { readonly ms: number; end(): void }[] = []
function rest(ms: number, _: unknown, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const entry = { ms, end }
  function end(): void {
    rests.splice(rests.indexOf(entry), 1)
    resolve()
  }
  rests.push(entry)
  if (signal?.aborted) end()
  signal?.addEventListener('abort', end)
  return promise
}
const { work } = (await t.mockImport('../../src/copying/worker.ts', {
  'node:timers/promises': { setTimeout: rest },
})) as typeof import('../../src/copying/worker.ts')

/** Until everything has come to rest. */
const idle = async () => {
  for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate)
}
const pass = async (ms: number) => {
  for (const entry of rests.filter((rest) => rest.ms === ms)) entry.end()
  await idle()
}

/** A worker over these jobs, by provider; a provider without a connection has `null`. */
function working(
  due: Record<string, string[] | null>,
  { slots = 2, once = false, trouble = null as Error | null } = {},
) {
  const running = new Map<string, { end(): void; readonly signal: AbortSignal }>()
  const told: string[] = []
  const [stop, drain] = [new AbortController(), new AbortController()]
  const seen = { looks: 0, onDue: () => {}, claimable: Promise.resolve(), trouble }
  const jobs = {
    clock: async () => new Date(),
    async providers() {
      seen.looks++
      if (seen.trouble !== null) throw seen.trouble
      return Object.keys(due).filter((provider) => due[provider]?.length !== 0)
    },
    async claim(_: unknown, wanted: Wanted): Promise<Job | null> {
      const id = 'provider' in wanted ? due[wanted.provider]?.shift() : undefined
      await seen.claimable
      return id === undefined ? null : jobOf(id)
    },
    count: async () => ({ waiting: Object.values(due).flat().length, running: running.size }),
    renew: async () => new Map(),
    end: async ({ migrationId }: Job) => {
      running.delete(migrationId)
      return { isFinished: false }
    },
  }
  const deps = {
    jobDeps: {
      ...{ worker: { copyingHost: 'here' }, jobs, limitMs: 60_000, now: () => new Date(), chance: () => 0.5 },
      keyring: { open: async () => ({ credential: { username: 'x', password: 'x' } }) },
      keepConnection: () => ({ [Symbol.asyncDispose]: async () => undefined }),
      meterSource: () => ({ [Symbol.dispose]: () => undefined }),
      bytesRead: { today: async () => 0, take: () => undefined },
      statusCheck: {
        check: (provider: { name: string }, _: unknown, signal: AbortSignal) =>
          new Promise((resolve) => {
            const end = () => resolve({ kind: 'yes', mailboxes: [] })
            signal.addEventListener('abort', end)
            if (signal.aborted) end()
            running.set(provider.name, { end, signal })
          }),
      },
      engine: { remembers: () => true, remember: () => undefined, choose: async () => 'offlineimap' },
    },
    budget: {
      take: async (provider: string) =>
        due[provider] === null ? null : { signal: new AbortController().signal, [Symbol.dispose]: () => undefined },
    },
    copyingHosts: { strandedBesides: async () => [] },
    listen(onDue: () => void) {
      seen.onDue = onDue
      return { [Symbol.dispose]: () => told.push('deaf') }
    },
  } as unknown as WorkDeps
  const watcher = {
    begun: ({ address }: Job) => told.push(`begun ${address}`),
    ended: ({ address, ending }: { address: string; ending: string }) => told.push(`ended ${address} ${ending}`),
    trouble: (error: unknown) => told.push(`trouble ${(error as Error).message}`),
    ...{ message: () => undefined, counted: () => undefined, stranded: () => undefined },
  }
  const end = work(deps, watcher as never, { slots, once, stop: stop.signal, drain: drain.signal })
  return { due, running, told, seen, stop, drain, end }
}

function jobOf(id: string): Job {
  return {
    ...{ migrationId: id, address: id, order: { id, home: '/', provider: { name: id } as never } },
    ...{ state: 'synced', code: null, isProved: true, isFinishRequested: false, quotaBytes: null },
    ...{ sealed: new Uint8Array(), failures: 0, unchangedRuns: 0, hasCopied: true, overruled: null },
    ...{ seen: [], completedAt: new Date() },
  }
}

t.test('as many jobs run at a time as there are slots, and the next begins when one has ended', async (t) => {
  const worker = working({ old: ['a', 'b', 'c'] })
  await idle()
  t.same(worker.told, ['begun a', 'begun b'])
  worker.running.get('a')?.end()
  await idle()
  t.same(worker.told.slice(2), ['ended a unchanged', 'begun c'])
  worker.stop.abort()
  await worker.end
})

t.test('a worker that found nothing looks again when it is notified, but every 100 ms at most', async (t) => {
  const worker = working({ old: [] })
  await idle()
  t.same([worker.seen.looks, rests.map(({ ms }) => ms)], [1, [100]])
  worker.due.old = ['a']
  worker.seen.onDue()
  await idle()
  t.equal(worker.seen.looks, 1, 'however often it is told')
  await pass(100)
  t.same(worker.told, ['begun a'])
  worker.stop.abort()
  await pass(100)
  await worker.end
})

t.test('and every second, for jobs that become due by the clock', async (t) => {
  const worker = working({ old: [] })
  await idle()
  await pass(100)
  t.same(
    rests.map(({ ms }) => ms),
    [900],
  )
  worker.due.old = ['a']
  await pass(900)
  t.same(worker.told, ['begun a'])
  worker.stop.abort()
  await pass(100)
  await worker.end
})

t.test('a worker that is to drain finishes what runs, and claims no more', async (t) => {
  const worker = working({ old: ['a', 'b'] }, { slots: 1 })
  await idle()
  worker.drain.abort()
  await idle()
  t.notOk(worker.running.get('a')?.signal.aborted)
  worker.running.get('a')?.end()
  await worker.end
  t.same(worker.told, ['begun a', 'ended a unchanged', 'deaf'])
})

t.test('a provider without a connection to spare does not keep the others waiting', async (t) => {
  const worker = working({ full: null, old: ['a'] })
  await idle()
  t.same(worker.told, ['begun a'])
  worker.stop.abort()
  await pass(100)
  await worker.end
})

t.test('a job that is claimed while the worker is stopped is ended in order', async (t) => {
  const worker = working({ old: ['a'] })
  const { promise, resolve } = Promise.withResolvers<void>()
  worker.seen.claimable = promise
  await idle()
  worker.stop.abort()
  resolve()
  await worker.end
  t.same(worker.told, ['begun a', 'ended a stopped', 'deaf'])
})

t.test('a job that runs when the worker is stopped is ended in order', async (t) => {
  const worker = working({ old: ['a'] })
  await idle()
  worker.stop.abort()
  await pass(100)
  await worker.end
  t.same(worker.told, ['begun a', 'ended a stopped', 'deaf'])
})

t.test('once, it ends when nothing waits and nothing runs, here or elsewhere', async (t) => {
  const worker = working({ old: ['a'] }, { once: true })
  await idle()
  await pass(100)
  await pass(900)
  t.same(worker.told, ['begun a'])
  worker.running.get('a')?.end()
  await idle()
  await pass(100)
  t.same(await worker.end, [])
  t.same(worker.told, ['begun a', 'ended a unchanged', 'deaf'])
})

t.test('an error is reported, and the worker goes on after a rest', async (t) => {
  const worker = working({ old: ['a'] }, { trouble: new Error('away') })
  await idle()
  t.same(worker.told, ['trouble away'])
  worker.seen.trouble = null
  await pass(100)
  t.same(
    rests.map(({ ms }) => ms),
    [4_900],
  )
  worker.seen.onDue()
  await idle()
  t.same(worker.told, ['trouble away', 'begun a'], 'or when the database is there again, which is told too')
  worker.stop.abort()
  await pass(100)
  await worker.end
})

t.end()
