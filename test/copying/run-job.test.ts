import t from 'tap'
import { isFlipWanted } from '../../src/copying/flip.ts'
import type { Flaw, Interruption, Job, JobEnd, Moving } from '../../src/copying/ports.ts'
import { type JobDeps, runJob } from '../../src/copying/run-job.ts'
import type { Result } from '../../src/model/attempt.ts'
import type { MailboxStatus } from '../../src/model/mailbox.ts'
import { NotFlipped, Told } from '../../src/model/not-flipped.ts'
import { PROVIDER } from '../support/provider.ts'

const INBOX: MailboxStatus = { name: 'INBOX', uidValidity: '7', uidNext: 6, messages: 5, highestModseq: '9' }
const JOB: Job = {
  ...{ migrationId: '1', address: 'anna@new.example', order: { id: '1', home: '/anna', provider: PROVIDER } },
  ...{
    state: 'pending',
    code: null,
    isProved: false,
    quotaBytes: null,
    isFinishRequested: false,
    sealed: new Uint8Array(),
    failures: 0,
    unchangedRuns: 0,
  },
  ...{ seen: null, completedAt: null, hasCopied: false, overruled: null },
}
const LOST: Flaw = {
  ...{ outcome: 'ledger-lost', sentence: 'the ledger lost' },
  lost: [
    { directory: '', uidValidity: 7, uids: [2, 3] },
    { directory: '.Sent', uidValidity: 8, uids: [9] },
  ],
}

/** A job whose ledgers find these flaws, one after the other; what was done, and what was written at its end. */
async function take(
  job: Job,
  flaws: (Flaw | Error | null)[],
  copies: Partial<Result>[] = [],
  given: object = {},
  signal = new AbortController().signal,
) {
  const done: string[] = []
  const ends: JobEnd[] = []
  const deps = {
    worker: { id: 'w', host: 'h', copyingHost: 'p', takesOver: false, early: false },
    jobs: {
      begin: async () => '1',
      end: async (_job: Job, _worker: unknown, end: JobEnd) => {
        ends.push(end)
        return { isFinished: false }
      },
    },
    keepConnection: () => ({ [Symbol.asyncDispose]: async () => undefined }),
    meterSource: () => ({ [Symbol.dispose]: () => undefined }),
    bytesRead: { today: async () => 0, take: () => undefined },
    statusCheck: { check: async () => ({ kind: 'yes', mailboxes: [INBOX] }) },
    engine: {
      choose: async () => 'offlineimap',
      remembers: () => true,
      remember: () => undefined,
      async run() {
        done.push('copy')
        return { outcome: 'complete', folders: 1, messages: 2, output: 'copied', ...copies.shift() }
      },
      forget: (id: string, { directory, uids }: { directory: string; uids: Iterable<number> }) => {
        done.push(`forget ${id} ${directory} ${[...uids]}`)
      },
    },
    keyring: { open: async () => ({ credential: { address: job.address, username: 'anna', password: 'x' } }) },
    proof: {
      async flaw() {
        done.push('compare')
        const flaw = flaws.shift() ?? null
        if (flaw instanceof Error) throw flaw
        return flaw
      },
    },
    room: { left: () => 1 },
    digests: { open: () => ({ [Symbol.dispose]: () => undefined }), remove: () => undefined },
    ...{ limitMs: 60_000, now: () => new Date(), chance: () => 0.5 },
    ...given,
  }
  const run = { signal, onMessage: () => undefined }
  const { ending } = await runJob(job, deps as unknown as JobDeps, run)
  return { ending, done, result: ends[0]?.attempt?.result, code: ends[0]?.plan.status.code, end: ends[0] }
}

const DROPPED = ['forget 1  2,3', 'forget 1 .Sent 9']

t.test('messages that were delivered and never seen on the destination are copied again by the same job', async (t) => {
  const healed = await take(JOB, [LOST, null], [{ messages: 5 }, { messages: 3 }])
  t.strictSame(healed.done, ['copy', 'compare', ...DROPPED, 'copy', 'compare'])
  t.match(healed, {
    ending: 'complete',
    code: null,
    result: { messages: 8, output: /copied\nthe ledger lost\ncopied/ },
  })
})

t.test('what is lost again is copied again only when a person says so', async (t) => {
  const again = await take(JOB, [LOST, LOST, null])
  t.strictSame(again.done, ['copy', 'compare', ...DROPPED, 'copy', 'compare'])
  t.match(again, { ending: 'ledger-lost', code: 'ledger-lost' })
  const later = await take({ ...JOB, code: 'ledger-lost' }, [LOST, null])
  t.strictSame(later.done, ['copy', 'compare'])
  t.match(later, { ending: 'ledger-lost', result: { output: 'copied\nthe ledger lost' } })
})

t.test('when the second copy fails, the job ends as that copy did', async (t) => {
  const cut = await take(JOB, [LOST], [{}, { outcome: 'old-unreachable' }])
  t.match(cut, { ending: 'old-unreachable', code: null })
  t.strictSame(cut.done.at(-1), 'copy')
})

t.test(
  'who is synced is compared again when the last ledger was not clean, though the source has nothing new',
  async (t) => {
    const synced: Job = { ...JOB, state: 'synced', seen: [INBOX], completedAt: new Date(), hasCopied: true }
    t.match(await take({ ...synced, isProved: true }, []), { ending: 'unchanged', done: [] })
    t.match(await take(synced, []), { ending: 'complete', done: ['copy', 'compare'] })
  },
)

t.test('a source that asks to be left alone for a while is, and it is told', async (t) => {
  const [waitMs, words] = [3 * 60 * 60_000, /asks to be left alone for 180 min/]
  const busy = { kind: 'trouble', code: 'old-busy', cause: 'NO [THROTTLED]', answered: true }
  const before = await take(JOB, [], [], { statusCheck: { check: async () => ({ ...busy, waitMs }) } })
  t.match(before, { ending: 'old-busy', done: [], end: { plan: { waitMs } }, result: { output: words } })
  const within = await take(JOB, [], [{ outcome: 'old-busy', waitMs }])
  t.match(within, { ending: 'old-busy', end: { plan: { waitMs } } })
  const short = await take(JOB, [], [{ outcome: 'old-busy', waitMs: 1 }])
  t.ok((short.end?.plan.waitMs ?? 0) > 10_000, 'no sooner than otherwise')
})

t.test('what does not fit into the destination is not begun', async (t) => {
  const small = await take(JOB, [], [], {
    statusCheck: { check: async () => ({ kind: 'yes', mailboxes: [{ ...INBOX, size: 2 }] }) },
  })
  t.match(small, { ending: 'new-full', done: [], result: { outcome: 'new-full', messages: 0, output: /2 bytes/ } })
  t.match(small.end, { attempt: { id: null }, seen: null }, 'no attempt was begun')
})

t.test('who is still to come here has to fit into the quota of today', async (t) => {
  const moving = { route: 'source', hasAccount: false, isFlipRequested: false, unfinished: null } as unknown as Moving
  const same = { state: 'synced', seen: [{ ...INBOX, size: 2 }], completedAt: new Date(), isProved: true } as const
  const statusCheck = { check: async () => ({ kind: 'yes', mailboxes: [{ ...INBOX, size: 2 }] }) }
  const after = async (quotaBytes: number) =>
    await take({ ...JOB, ...same, moving, quotaBytes }, [], [], { statusCheck, flipping: {} })
  t.match(await after(2), { ending: 'unchanged', done: [] })
  t.match(await after(1), { ending: 'new-full', done: [], result: { output: /the quota is 1 bytes/ } })
})

t.test('the source is asked for sizes before all of it is copied, and where there is a quota', async (t) => {
  const isAsked = async (job: Job) => {
    const asked: boolean[] = []
    const check = async (...[, , , sizes]: [unknown, unknown, unknown, boolean]) => {
      asked.push(sizes)
      return { kind: 'yes', mailboxes: [INBOX] }
    }
    await take(job, [], [], { statusCheck: { check } })
    return asked
  }
  t.strictSame(await isAsked(JOB), [true])
  t.strictSame(await isAsked({ ...JOB, seen: [INBOX] }), [false])
  t.strictSame(await isAsked({ ...JOB, seen: [INBOX], quotaBytes: 1 }), [true])
})

t.test('an error ends the job as a failed attempt, with what was copied and the error’s message', async (t) => {
  const unreadable = Object.assign(new Error('secret'), { code: 'EACCES', path: '/anna/cur/1' })
  const { end, ...seen } = await take(JOB, [unreadable])
  t.match(seen, {
    ending: 'incomplete',
    result: { messages: 2, output: 'copied\nan error ended it: EACCES /anna/cur/1' },
  })
  t.match(end, { plan: { failures: 1, status: { state: 'pending' } }, attempt: { id: '1' }, seen: null })
  const again = await take(JOB, [LOST, unreadable], [{ messages: 5 }, { messages: 3 }])
  t.match(again.result, { outcome: 'incomplete', messages: 8, output: /the ledger lost\ncopied\n.*EACCES/ })
})

t.test('so does what is thrown before anything is copied, and its secrets are not shown', async (t) => {
  const remembers = () => {
    throw new Error('file is not a database: hunter2')
  }
  const { end, done, result } = await take(JOB, [], [], { engine: { remembers, choose: async () => 'offlineimap' } })
  t.strictSame(done, [])
  t.match(result, { outcome: 'incomplete', output: 'an error ended it: Error: file is not a database: …' })
  t.match(end, { plan: { failures: 1 }, attempt: { id: null } })
})

/** A return during which something happens while it writes the first time, or the second: while the person is held. */
async function ledBack(round: number, happens: (work: AbortController) => void) {
  const work = new AbortController()
  const done: string[] = []
  let written = 0
  const write = async () => {
    if (++written === round) happens(work)
    work.signal.throwIfAborted()
    return false
  }
  const back = { check: async () => undefined, write, [Symbol.asyncDispose]: async () => undefined }
  const flips = {
    ...{
      started: async () => undefined,
      hold: async () => 'h',
      unconfirmed: async () => [],
      forget: async () => undefined,
    },
    back: async (_: string, __: string, request: string) => void done.push(`back, the request is ${request}`),
    refuseReturn: async (_: Job, reason: string) => void done.push(`refused: ${reason}`),
  }
  const moving = {
    ...{ route: 'destination', isReturnRequested: true, isFlipRequested: false, hasAccount: true, isReturned: false },
    ...{ hasOwnPassword: false, isJustFlipped: false, isOpen: true, unfinished: null },
  } as unknown as NonNullable<Job['moving']>
  const given = {
    flipping: { flips, sessions: { check: async () => undefined, endHere: async () => false } },
    engine: { openReturn: async () => back },
  }
  const { ending, end } = await take({ ...JOB, moving }, [], [], given, work.signal)
  return { ending, done, flip: end?.flip }
}

/** How a job is cut off, and what it writes down of its flip: who has lost the lease writes nothing. */
const CUT_OFF = [
  ['stopped', 'ended'],
  ['lost-lock', undefined],
] as const

t.test('who lost the lease does not end the job, which the same worker may have again by now', async (t) => {
  const work = new AbortController()
  work.abort('lost-lock' satisfies Interruption)
  const { ending, end } = await take(JOB, [null], [], {}, work.signal)
  t.same({ ending, end }, { ending: 'lost-lock', end: undefined })
})

t.test('a return that the worker’s end has cut off is still requested: the next attempt goes on', async (t) => {
  for (const [reason, flip] of CUT_OFF) {
    const end = (work: AbortController) => work.abort(reason)
    t.same(await ledBack(1, end), { ending: reason, done: [], flip })
    t.same(await ledBack(2, end), { ending: reason, done: ['back, the request is kept'], flip })
  }
})

t.test('and what the old server says against it takes the request back', async (t) => {
  const refuse = () => {
    throw new NotFlipped('it has changed')
  }
  t.same(await ledBack(1, refuse), { ending: 'return-failed', done: ['refused: it has changed'], flip: 'ended' })
  const done = ['back, the request is taken-back', 'refused: it has changed']
  t.same(await ledBack(2, refuse), { ending: 'return-failed', done, flip: 'ended' })
})

t.test('who is flipped by themselves in the copying hours alone waits for them', (t) => {
  const wanted = (flip: string, isOpen: boolean) => {
    const moving = { route: 'source', hasAccount: true, isFlipRequested: false, isReturned: false, isOpen }
    const order = { provider: { cutover: 'proxied', flip } }
    return isFlipWanted({ ...JOB, moving, order } as unknown as Job, { ending: 'complete', result: null })
  }
  t.same([wanted('auto', false), wanted('window', false), wanted('window', true)], [true, false, true])
  t.equal(wanted('manual', true), false)
  t.end()
})

/** A flip during which something happens, after its attempt or while the person is held. */
async function cutOff(at: 'near' | 'held', happens: (work: AbortController) => void) {
  const work = new AbortController()
  const done: string[] = []
  const now = (place: string) => async () => {
    if (place === at) happens(work)
    work.signal.throwIfAborted()
    return []
  }
  const nothing = async () => null
  const mirror = {
    ...{ namespace: null, renew: now('near'), difference: nothing, note: nothing, record: () => undefined },
    [Symbol.asyncDispose]: nothing,
  }
  const flips = {
    ...{ started: nothing, hold: async () => 'h', unconfirmed: now('held'), forget: nothing },
    back: async (_: string, __: string, request: string) => void done.push(`back, the request is ${request}`),
  }
  const moving = {
    ...{ route: 'source', isReturnRequested: false, isFlipRequested: true, hasAccount: true, isReturned: false },
    ...{ hasOwnPassword: false, isJustFlipped: false, isOpen: true, unfinished: null },
  } as unknown as NonNullable<Job['moving']>
  const given = {
    flipping: { flips, sessions: { check: nothing, end: async () => false } },
    engine: {
      ...{
        choose: async () => 'doveadm',
        remembers: () => true,
        remember: () => undefined,
        carryFilters: async () => ({ flaw: null, told: [] }),
      },
      ...{ openFlip: async () => mirror, moveBack: nothing },
      run: async () => ({ outcome: 'complete', folders: 1, messages: 2, output: 'copied' }),
    },
  }
  const { ending, end } = await take({ ...JOB, moving }, [null], [], given, work.signal)
  return { ending, done, flip: end?.flip }
}

t.test('a flip that the worker’s end has cut off is still requested, and is no failure', async (t) => {
  for (const [reason, flip] of CUT_OFF) {
    const end = (work: AbortController) => work.abort(reason)
    t.same(await cutOff('near', end), { ending: reason, done: [], flip })
    t.same(await cutOff('held', end), { ending: reason, done: ['back, the request is kept'], flip })
  }
  const fail = () => {
    throw new NotFlipped('it has changed')
  }
  t.same(await cutOff('held', fail), {
    ending: 'flip-failed',
    done: ['back, the request is taken-back'],
    flip: 'ended',
  })
})

/** A job in whose last flips, or returns, so many workers have died. */
async function died(cutOff: number, route: 'source' | 'destination' = 'source', failures = 0) {
  const done: string[] = []
  const flips = { refuseReturn: async (_: Job, reason: string) => void done.push(`refused: ${reason}`) }
  const moving = {
    ...{ route, isReturnRequested: true, isFlipRequested: true, hasAccount: true, isReturned: false },
    ...{ hasOwnPassword: false, isJustFlipped: false, isOpen: true, unfinished: null, cutOff },
  } as unknown as NonNullable<Job['moving']>
  const { ending, end, result } = await take({ ...JOB, failures, moving }, [], [], { flipping: { flips } })
  return { ending, done, end, output: result?.output }
}

t.test('a flip in which the worker died has failed: nobody is held again before a pause', async (t) => {
  const once = await died(1)
  t.match(once, { ending: 'flip-failed', output: /^the worker died in the flip.*: the first time/, done: [] })
  t.match(once.end, { plan: { waitMs: 60_000, failures: 1, status: { state: 'pending' } }, flip: 'cut-off' })
  t.match((await died(3, 'source', 2)).end, { plan: { waitMs: 240_000, failures: 3 } })
  t.match(await died(1, 'destination'), { ending: 'return-failed', done: [], end: { plan: { waitMs: 60_000 } } })
})

t.test('and after some in a row it waits for an administrator', async (t) => {
  const last = await died(5)
  t.match(last, { ending: 'worker-died', output: /5 times in a row$/, done: [] })
  t.match(last.end, { plan: { status: { state: 'failed', code: 'worker-died' } }, flip: 'cut-off' })
  const back = await died(5, 'destination')
  t.match(back, { ending: 'return-failed', done: [/^refused: the worker died in the return.*5 times in a row$/] })
})

t.test('nobody is finished whose filters could not be read, unless they may stay', async (t) => {
  const finishing = async (given: object, answer: object, filters = 'carry') => {
    const carryFilters = async () => ({ flaw: 'filters cannot be read: no', told: [], ...answer })
    const engine = {
      ...{ choose: async () => 'doveadm', remembers: () => true, remember: () => undefined, carryFilters },
      run: async () => ({ outcome: 'complete', folders: 1, messages: 2, output: 'copied' }),
    }
    const order = { ...JOB.order, provider: { ...PROVIDER, filters } } as Job['order']
    const { ending, result } = await take({ ...JOB, order, isFinishRequested: true, ...given }, [], [], {
      engine,
      flipping: {},
    })
    return { ending, output: result?.output }
  }
  const unread = { isUnread: true }
  t.match(await finishing({}, unread), { ending: 'incomplete', output: /cannot be read: no\nnot finished: .*--force/ })
  const here = { moving: { route: 'destination', areFiltersLeft: true, unfinished: null } }
  t.match(await finishing(here, unread), { ending: 'complete', output: /cannot be read: no$/ }, 'left on purpose')
  t.match(await finishing({}, unread, 'leave'), { ending: 'complete', output: 'copied' })
  t.match(await finishing({}, {}), { ending: 'complete' }, 'read, and they cannot come')
  t.match(await finishing({ isFinishRequested: false }, unread), { ending: 'complete' })
})

/** A return, or a flip, that has landed, and whose end is still to be made. */
async function ended(given: object = {}, failures = 0, isReturn = true, signal = new AbortController().signal) {
  const done: string[] = []
  const does =
    <T>(what: string, answer?: T) =>
    async () => {
      done.push(what)
      return answer
    }
  const moving = {
    ...{ route: 'source', unfinished: { hold: 'h', isReturn, step: 'landed' } },
    ...{
      isReturnRequested: false,
      isFlipRequested: false,
      hasAccount: true,
      isReturned: true,
      isJustFlipped: false,
      isOpen: true,
    },
  } as unknown as NonNullable<Job['moving']>
  const forget = async (_: string, remark?: string) => void done.push(['forget', remark].join(' ').trim())
  const deps = {
    flipping: {
      flips: { back: does('back', 'landed'), forget },
      sessions: { endHere: does('sessions end') },
    },
    engine: {
      ...{
        choose: async () => 'doveadm',
        remembers: () => true,
        remember: () => undefined,
        carryFilters: async () => ({ flaw: null, told: [] }),
      },
      leave: does('leave', []),
      forgetReturn: () => void done.push('forget the record'),
      run: async () => ({ outcome: 'complete', folders: 1, messages: 2, output: 'copied' }),
    },
    ...given,
  }
  const { ending, result } = await take({ ...JOB, failures, moving }, [], [], deps, signal)
  return { ending, done, output: result?.output }
}

t.test('a return ends with its record, which is needed as long as the end may be repeated', async (t) => {
  t.same((await ended()).done, ['back', 'sessions end', 'leave', 'forget', 'forget the record'])
})

t.test('the end of a flip or a return is interrupted like all else, and left for the next attempt', async (t) => {
  const hangs = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      const end = () => reject(new Error('ended with null'))
      if (signal.aborted) end()
      else signal.addEventListener('abort', end)
    })
  const away = { kind: 'trouble', code: 'old-unreachable', cause: 'interrupted' }
  const check = async (...[, , signal]: [unknown, unknown, AbortSignal]) => await hangs(signal).catch(() => away)
  const leave = (...[, , , signal]: [unknown, unknown, unknown, AbortSignal]) => hangs(signal)
  const mergeBefore = (_: unknown, signal: AbortSignal) => hangs(signal)
  for (const [given, isReturn] of [
    [{ engine: { mergeBefore } }, false],
    [{ engine: { leave } }, true],
    [{ statusCheck: { check } }, true],
  ] as const) {
    for (const reason of ['stopped', 'lost-lock'] as const) {
      const stop = new AbortController()
      setTimeout(() => stop.abort(reason), 20)
      const { ending, done } = await ended(given, 0, isReturn, stop.signal)
      t.equal(ending, reason)
      t.notOk(done.includes('forget'))
    }
    const { ending, done } = await ended({ ...given, limitMs: 20 }, 0, isReturn)
    t.equal(ending, 'timeout')
    t.notOk(done.includes('forget'))
  }
})

t.test('why the end of a flip fails is told, and what it comes to', async (t) => {
  const full = new Told('doveadm copy ended with 75\nNo space left on device', 'new-full')
  const failed = await ended({ engine: { mergeBefore: () => Promise.reject(full) } }, 0, false)
  t.match(failed, { ending: 'new-full', output: /doveadm copy ended with 75\nNo space left on device$/ })
})

t.test('whom the old server does not let in says so, and a new password heals that', async (t) => {
  const refused = { statusCheck: { check: async () => ({ kind: 'no' }) } }
  t.match(await ended(refused), { ending: 'credential-refused', done: ['back'] })
  const unopened = { keyring: { open: async () => ({ refused: 'credential-unopened', why: 'another key' }) } }
  t.match(await ended(unopened), { ending: 'credential-unopened', done: ['back'] })
})

t.test('and what came late and is refused there is named', async (t) => {
  const leave = () => Promise.reject(new NotFlipped('the old server refuses APPEND (INBOX): over quota'))
  const { ending, done, output } = await ended({ engine: { leave } })
  t.match({ ending, output }, { ending: 'incomplete', output: /refuses APPEND \(INBOX\): over quota$/ })
  t.notOk(done.includes('forget'), 'and is brought by the next attempt')
})

t.test('until nobody waits for it any more: then all else goes on, and it is told where it is kept', async (t) => {
  const isLast: boolean[] = []
  const leave = async (...[, , last]: [unknown, unknown, boolean]) => {
    isLast.push(last)
    return last ? ['it is kept', 'INBOX: <A@here>'] : []
  }
  const carryFilters = async () => ({ flaw: null, told: [] })
  const run = async () => ({ outcome: 'complete', folders: 1, messages: 2, output: 'copied' })
  const all = {
    choose: async () => 'doveadm',
    remembers: () => true,
    remember: () => undefined,
    forgetReturn: () => undefined,
    carryFilters,
    run,
  }
  for (const failures of [0, 2]) t.match(await ended({ engine: { ...all, leave } }, failures), { output: 'copied' })
  const last = await ended({ engine: { ...all, leave } }, 3)
  t.match(last, { ending: 'complete', output: 'copied\nit is kept\nINBOX: <A@here>' })
  t.ok(last.done.includes('forget it is kept\nINBOX: <A@here>'), 'for long')
  t.same(isLast, [false, false, true])
})
