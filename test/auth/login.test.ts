import { mock } from 'node:test'
import t from 'tap'
import { AuthCache } from '../../src/auth/auth-cache.ts'
import { keyedDigest } from '../../src/auth/keyed-digest.ts'
import { answerLogins, type LoginDeps, type LoginRequest } from '../../src/auth/login.ts'
import type { RateLimitSubject } from '../../src/auth/ports.ts'
import { fromDatabase } from '../../src/auth/unavailable.ts'
import type { Account } from '../../src/model/account.ts'
import type { Verdict } from '../../src/model/verdict.ts'
import type { SourceAnswer } from '../../src/source/ports.ts'

const NO: SourceAnswer = { kind: 'no' }
const YES: SourceAnswer = { kind: 'yes' }

/** Logins where everybody is new, from old.example or other.example, and the source answers when `source` does. */
function newcomers(
  source: (signal: AbortSignal, provider: string) => Promise<SourceAnswer>,
  { answerLimitMs = 60_000, negativeTtlMs = 0 } = {},
) {
  const seen = {
    ...{ asked: [] as string[], verified: 0, isListening: true },
    ...{ failures: [] as RateLimitSubject[], visits: [] as string[] },
  }
  const authCache = new AuthCache({ ttlMs: 60_000, negativeTtlMs }, () => seen.isListening)
  const deps: LoginDeps = {
    home: '/home/%n',
    recipientDelimiter: '',
    userdb: {
      sourceDomainsOf: async (domain) =>
        domain === 'elsewhere.example'
          ? []
          : [
              {
                provider: { name: domain, loginName: '%u' } as never,
                oldDomain: domain,
                newDomain: domain,
                isClosed: false,
              },
            ],
      accountOf: async () => null,
      awaited: async () => null,
      addressesAfter: async () => [],
    },
    hasher: {
      hash: async () => 'hash',
      verify: async () => {
        seen.verified++
        return false
      },
    },
    source: {
      async ask({ username, password, signal, provider }) {
        seen.asked.push(`${username} ${password}`)
        return await source(signal, provider.name)
      },
    },
    sealer: { seal: async () => ({ bytes: new Uint8Array(), to: [] }) },
    provisioner: {
      provision: async ({ address }) => ({ address: address.text, enabled: true }) as Account,
      confirmPassword: async () => true,
      dropPassword: async () => undefined,
      noteCollision: async () => undefined,
    },
    rateLimit: {
      isExceeded: async () => false,
      isClientExceeded: () => false,
      penalize: async (subject) => void seen.failures.push(subject),
    },
    visits: { has: async () => false, note: async (...visit) => void seen.visits.push(visit.join(' ')) },
    authCache,
    sourceRefusals: new AuthCache({ ttlMs: 0, negativeTtlMs: 0 }, () => true),
    digest: keyedDigest(),
    fromDatabase: fromDatabase((_, work) => work()),
    onProvisioned: () => undefined,
    answerLimitMs,
    sessionRoute: async () => ({ to: 'destination' }),
  }
  const login = answerLogins(deps)
  const ask = (
    username: string,
    password: string,
    onGone: LoginRequest['onGone'] = () => undefined,
  ): Promise<Verdict> => login({ username, password, clientAddress: '192.0.2.7', isSession: true, onGone })
  return { ask, seen, authCache }
}

t.test('identical questions that arrive together are decided once, others each', async (t) => {
  const { ask, seen } = newcomers(async () => YES)
  const spellings = ['anna@old.example', 'Anna@OLD.example', 'anna@old.example.', 'ANNA@old.example']
  const same = spellings.map((username) => ask(username, 'x'))
  const other = ask('anna@old.example', 'y')
  for (const verdict of await Promise.all([...same, other])) t.match(verdict, { verdict: 'ok' })
  t.same(seen.asked.sort(), ['anna@old.example x', 'anna@old.example y'])
})

t.test('a right password is remembered until its account changes, and only while changes are heard of', async (t) => {
  const { ask, seen, authCache } = newcomers(async () => YES)
  const asked = async () => {
    t.match(await ask('anna@old.example', 'x'), { verdict: 'ok' })
    return seen.asked.length
  }
  t.equal(await asked(), 1)
  t.equal(await asked(), 1)
  authCache.forget('bert@old.example')
  t.equal(await asked(), 1, 'another account’s change')
  authCache.forget('anna@old.example')
  t.equal(await asked(), 2)
  t.equal(await asked(), 2)
  authCache.forget(null)
  t.equal(await asked(), 3)
  seen.isListening = false
  t.equal(await asked(), 4)
  t.equal(await asked(), 5)
})

t.test('what changes while a question is decided is not remembered', async (t) => {
  let answer: (answer: SourceAnswer) => void = () => undefined
  const { ask, seen, authCache } = newcomers(() => new Promise((resolve) => (answer = resolve)))
  const first = ask('anna@old.example', 'x')
  await until(() => seen.asked.length === 1)
  authCache.forget('anna@old.example')
  answer(YES)
  await first
  void ask('anna@old.example', 'x')
  await until(() => seen.asked.length === 2)
  t.equal(seen.asked.length, 2)
  answer(YES)
})

t.test('what is not decided yet is not remembered', async (t) => {
  const cache = new AuthCache({ ttlMs: 60_000, negativeTtlMs: 0 }, () => true)
  const account = { address: 'anna@old.example', enabled: true } as Account
  cache.recorder('provisional')({ verdict: 'ok', account, isProvisional: true })
  t.equal(cache.get('provisional'), undefined)
  cache.recorder('decided')({ verdict: 'ok', account })
  t.match(cache.get('decided'), { verdict: 'ok' })
})

t.test('no other verdict is remembered', async (t) => {
  for (const answer of [NO, { kind: 'disabled' }, { kind: 'expired' }] as const) {
    const { ask, seen } = newcomers(async () => answer)
    await ask('anna@old.example', 'x')
    await ask('anna@old.example', 'x')
    t.equal(seen.asked.length, 2, answer.kind)
  }
})

t.test('a question is given up when the last one who asked has gone, not before', async (t) => {
  const { ask, seen } = newcomers(
    (signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () =>
          resolve({ kind: 'trouble', code: 'old-timeout', cause: 'given up', answered: false }),
        )
      }),
  )
  const goes: (() => void)[] = []
  const questions = [1, 2].map(() => ask('anna@old.example', 'x', (gone) => goes.push(gone)))
  await until(() => seen.asked.length === 1)
  goes[0]?.()
  const early = await Promise.race([questions[0], new Promise((resolve) => setTimeout(resolve, 20, 'undecided'))])
  t.equal(early, 'undecided')
  goes[1]?.()
  t.match(await Promise.all(questions), [{ verdict: 'tempfail' }, { verdict: 'tempfail' }])
})

t.test('an answer that takes too long is a tempfail', async (t) => {
  const { ask } = newcomers(
    (signal) =>
      new Promise((resolve) => {
        const stop = () => resolve({ kind: 'trouble', code: 'old-timeout', cause: '', answered: false })
        signal.addEventListener('abort', stop)
      }),
    { answerLimitMs: 20 },
  )
  // The limit's timer keeps no process alive.
  const alive = setInterval(() => undefined, 1_000)
  t.match(await ask('anna@old.example', 'x'), { verdict: 'tempfail', code: 'old-timeout' })
  clearInterval(alive)
})

const SLOW_MS = 200
/** A timer may be early by so much. */
const TIMER_MS = 2

t.test('a refusal takes as long as the slowest one lately, whoever it is about', async (t) => {
  let slow = true
  const { ask, seen } = newcomers(async () => {
    if (slow) await new Promise((resolve) => setTimeout(resolve, SLOW_MS))
    return NO
  })
  const time = async (username: string) => {
    const began = performance.now()
    t.match(await ask(username, 'x'), { verdict: 'mismatch' })
    return performance.now() - began
  }
  await ask('nobody@elsewhere.example', 'x')
  t.equal(seen.verified, 1, 'the first one takes the time of a password check')
  await time('anna@old.example')
  slow = false
  for (const username of ['bert@old.example', 'anna@elsewhere.example', 'not an address', '']) {
    t.ok((await time(username)) >= SLOW_MS - TIMER_MS, username || 'an empty name')
  }
  t.equal(seen.verified, 2, 'as the first one of each provider')
})

t.test(
  'a guess that was just refused is refused without waiting, whoever it is about, and its client pays',
  async (t) => {
    const { ask, seen, authCache } = newcomers(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 50))
        return NO
      },
      { negativeTtlMs: 60_000 },
    )
    const people = ['anna@old.example', 'anna@elsewhere.example', 'not an address']
    for (const person of people) await ask(person, 'x')
    t.equal(seen.asked.length, 1)
    const before = seen.failures.length
    // Whoever waits now waits for ever.
    mock.timers.enable({ apis: ['setTimeout'] })
    t.teardown(() => mock.timers.reset())
    for (let repeat = 0; repeat < 400; repeat++) {
      t.match(await ask(people[repeat % people.length] ?? '', 'x'), { verdict: 'mismatch' })
    }
    t.equal(seen.asked.length, 1)
    t.same(
      seen.failures.slice(before),
      Array(400).fill({ person: null, client: '192.0.2.7', provider: null }),
      'nobody’s limit but the client’s',
    )
    mock.timers.reset()
    authCache.forget(null)
    await ask('anna@old.example', 'x')
    t.equal(seen.asked.length, 2, 'after a change it is decided again')
    seen.isListening = false
    await ask('anna@old.example', 'x')
    t.equal(seen.asked.length, 3, 'while nobody tells of changes, too')
  },
)

t.test('a slow provider holds up the refusals of no other', async (t) => {
  const { ask, seen } = newcomers(async (_, provider) => {
    if (provider === 'old.example') await new Promise((resolve) => setTimeout(resolve, 30))
    return NO
  })
  await ask('anna@old.example', 'x')
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  t.match(await ask('anna@other.example', 'x'), { verdict: 'mismatch' })
  t.equal(seen.asked.length, 2)
})

t.test('from where somebody signed in is noted when it was decided, not each time', async (t) => {
  const { ask, seen } = newcomers(async () => YES)
  for (let time = 0; time < 3; time++) await ask('anna@old.example', 'x')
  t.same(seen.visits, ['anna@old.example 192.0.2.7'])
})

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1))
}
