import t from 'tap'
import { boardOf } from '../../src/operations/board.ts'
import type { BoardLook, Running, SourceLook } from '../../src/operations/board-look.ts'
import { verdictText } from '../../src/operations/board-verdict.ts'
import type { ProviderHealth } from '../../src/operations/provider-health.ts'

const AT = new Date('2026-11-23T10:00:00Z')
const NOBODY = { awaited: 0, pending: 0, synced: 0, paused: 0, failed: 0, done: 0 }
const MINUTES = Array.from({ length: 30 }, () => ({ messages: 600, slots: 2 }))

/** Forty people of an old server: half of them across, ten to be copied, ten awaited. */
const KONTOR: SourceLook = {
  ...{ provider: 'kontor', isOpen: true, connections: { allowed: 12, signIn: 1, copying: 2 } },
  people: {
    states: { ...NOBODY, awaited: 10, pending: 10, synced: 15, done: 5 },
    ...{ acrossLastHour: 6, neverCame: 10, cameLastHour: 4, toCopy: 10, stopped: 0, unflipped: 0 },
  },
  ...{ minutes: MINUTES, counted: { people: 20, mean: 1_000, deviation: 100, largest: 3_000 }, came: 0 },
  ...{ errors: [], successes: 5, flips: null, awaySince: null, awayAt: null, successAt: null },
}
const WEBER: SourceLook = { ...KONTOR, provider: 'weber' }
const RUNNING: Running = {
  ...{ address: 'anna@kontor.example', provider: 'kontor', host: 'mail1', startedAt: new Date(AT.getTime() - 60_000) },
  ...{ messages: 300, expected: 1_000, isFirst: true, progress: null },
}
const LOOK: BoardLook = {
  ...{ at: AT, sources: [KONTOR, WEBER], reasons: [], retrying: [], running: [RUNNING] },
  workers: [{ host: 'mail1', workers: 1, seenAt: AT }],
}
const well = (provider: string): ProviderHealth => ({
  ...{ provider, reachable: true, failedStep: null, latencyMs: 5, daysLeft: 29, checkedAt: AT, status: null },
})
const away = (provider: string): ProviderHealth => ({ ...well(provider), reachable: false, failedStep: 'connect' })
const HEALTH = [well('kontor'), well('weber')]

const board = (look: Partial<BoardLook> = {}, health: readonly ProviderHealth[] = HEALTH) =>
  boardOf({ ...LOOK, ...look }, { health, stranded: [], collisions: [] })
const sentence = (...given: Parameters<typeof board>) => verdictText(board(...given).verdict)

t.test('what is left is reckoned by its size, too, where the old server tells it', async (t) => {
  const progress = {
    step: 'copying' as const,
    ...{ folder: 1, folders: 2, messages: 300, ofMessages: 1_000, bytes: 3_000_000 },
    ...{ messagesPerSecond: 5, bytesPerSecond: 50_000, secondsLeft: 140 },
  }
  const leftWith = (ofBytes: number | null) =>
    board({ running: [{ ...RUNNING, progress: { ...progress, ofBytes } }], sources: [KONTOR] })
  const [unknown, even, heavy] = [leftWith(null), leftWith(10_000_000), leftWith(38_000_000)]
  t.equal(even.messagesLeft, unknown.messagesLeft, 'all messages are of one size')
  t.equal(heavy.messagesLeft, even.messagesLeft + 1_400, 'the rest weighs five times as much')
  t.ok((heavy.end?.latest ?? 0) > (even.end?.latest ?? 0))
  t.equal(even.bytesPerSecond, 50_000)
  t.match(even.sources, [{ provider: 'kontor', bytesPerSecond: 50_000 }])
})

t.test('it counts who is across, who waits and who is copied', async (t) => {
  const { people, messagesPerSecond, messagesLeft, sources, end } = board()
  t.match(people, { all: 80, across: 40, acrossLastHour: 12, waiting: 19, copying: 1, neverCame: 20 })
  t.equal(messagesPerSecond, 20)
  t.equal(messagesLeft, 19_700)
  t.match(sources, [
    { provider: 'kontor', health: 'well', waiting: 9, connections: { allowed: 12 } },
    { provider: 'weber', waiting: 10 },
  ])
  // Of weber 10,000 messages are left, of which 10 are copied in a second.
  const minutes = (date?: Date) => ((date?.getTime() ?? 0) - AT.getTime()) / 60_000
  t.ok(minutes(end?.earliest) < 17 && minutes(end?.latest) > 17, `${minutes(end?.earliest)} to ${minutes(end?.latest)}`)
})

t.test('who works on the old server still is not across, however well the mirror is proved', async (t) => {
  const proxied = { ...KONTOR, people: { ...KONTOR.people, unflipped: 14 } }
  const { people, messagesLeft } = board({ sources: [proxied] })
  t.match(people, { all: 40, across: 6, unflipped: 14 })
  t.equal(messagesLeft, board({ sources: [KONTOR] }).messagesLeft)
})

t.test('an old server that is away has no end, and the others have theirs', async (t) => {
  const { end, endWithout } = board({}, [well('kontor'), away('weber')])
  t.same(endWithout, ['weber'])
  t.ok(end !== null)
  t.match(board({}, [away('kontor'), away('weber')]), { end: null, endWithout: ['kontor', 'weber'] })
})

t.test('one sentence says whether it goes well, and why not', async (t) => {
  const none = { ...KONTOR, people: { ...KONTOR.people, states: NOBODY, toCopy: 0, neverCame: 0 } }
  const proxied = { ...none, people: { ...none.people, states: { ...NOBODY, synced: 10 }, unflipped: 1 } }
  const over = { ...none, people: { ...none.people, states: { ...NOBODY, done: 10 } } }
  const quiet = { ...none, people: { ...none.people, states: { ...NOBODY, awaited: 5, done: 10 } } }
  const idle = { running: [] }
  t.equal(sentence(), 'It is going well')
  t.equal(sentence({ ...idle, sources: [none] }), 'Nobody is expected yet')
  t.equal(sentence({ ...idle, sources: [over] }), 'Everybody is across')
  t.equal(sentence({ ...idle, sources: [quiet] }), 'All is well, and nobody waits')
  t.equal(sentence({ ...idle, sources: [proxied] }), 'All is well, and nobody waits', 'one works on the old server')
  t.equal(sentence({ ...idle, workers: [] }), 'It has stopped: no "postferry sync" runs, and 20 people wait for a copy')
  t.equal(
    sentence({}, [well('kontor'), away('weber')]),
    'It is slowing down: weber does not answer (connect failed), 10 people wait for a copy, 10 more cannot come',
  )
  t.match(sentence(idle, [away('kontor'), away('weber')]), /^It has stopped: kontor does not answer .*; weber does/)
})

t.test('an old server that became slower is named, and not one from which fewer people are copied', async (t) => {
  const lately = (minute: { messages: number; slots: number }) =>
    sentence({ sources: [KONTOR, { ...WEBER, minutes: [...MINUTES, ...Array(5).fill(minute)] }] })
  t.match(lately({ messages: 100, slots: 2 }), /^It is slowing down: weber has become slower: 50 .*, 300 before$/)
  t.equal(lately({ messages: 100, slots: 0.4 }), 'It is going well')
})

t.test('an old server is away when nobody reaches it, sign-ins leave it alone, or attempts fail there', async (t) => {
  const health = (source: Partial<SourceLook>, known: readonly ProviderHealth[]) =>
    board({ sources: [{ ...KONTOR, ...source }] }, known).sources[0]
  t.match(health({}, []), { health: 'asking', why: null })
  t.match(health({}, [away('kontor')]), { health: 'away', why: 'connect failed' })
  const status = { provider: 'kontor', breaker: 'open', running: 0, waiting: 0 } as const
  t.match(health({}, [{ ...well('kontor'), status }]), { health: 'away', why: 'breaker-open' })
  const errors = [{ code: 'old-timeout', count: 3 }] as const
  const since = new Date(AT.getTime() - 300_000)
  const failing = { errors, successes: 0, awaySince: since, awayAt: new Date(AT.getTime() + 1) }
  t.match(health(failing, HEALTH), { health: 'away', why: 'old-timeout', since })
  t.match(health({ ...failing, awayAt: since }, HEALTH), { health: 'well', errors }, 'it was reached since')
  const later = new Date(AT.getTime() + 1)
  t.match(health({ successAt: later }, [away('kontor')]), { health: 'well' }, 'an attempt has worked since')
  t.match(health({ isOpen: false }, HEALTH), { health: 'closed' })
})

t.test('what needs somebody is told with its step, the most people first', async (t) => {
  const reason = { provider: 'kontor', address: 'anna@kontor.example', since: AT }
  const reasons = [
    { ...reason, code: 'credential-refused', people: 1 },
    { ...reason, code: 'new-full', people: 2 },
    { ...reason, code: 'new-full', people: 3, provider: 'weber' },
  ]
  t.match(board({ reasons }).needs, [
    { code: 'new-full', people: 5, address: null, provider: null, remedy: 'set-quota' },
    { code: 'credential-refused', people: 1, address: 'anna@kontor.example', remedy: 'set-password', what: /refuses/ },
  ])
  t.match(board({ workers: [] }).needs, [{ code: 'no-worker', people: 20, step: /postferry-sync/ }])
})
