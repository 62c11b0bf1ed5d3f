import t from 'tap'
import type { Database } from '../../src/db/connection/database.ts'
import { rateLimit } from '../../src/db/rate-limits.ts'
import { newProvider } from '../../src/model/provider-changes.ts'
import { TEST_LIMITS, trySignIn } from '../../src/operations/provider-login-test.ts'
import { testProvider } from '../../src/operations/provider-test.ts'
import { tryPassword } from '../../src/operations/trial.ts'
import type { SourceLogin } from '../../src/source/ports.ts'
import { openTestDatabase } from '../support/database.ts'

const OLD = newProvider('old', { host: 'imap.old.example' })

const BY = { actor: 'tests', reason: null }

let database: Database
t.before(async () => {
  database = await openTestDatabase()
})
t.beforeEach(async () => void (await database.pool.query('truncate failed_sign_in')))
t.after(() => database[Symbol.asyncDispose]())

function trying() {
  const asked: string[] = []
  const source = {
    async ask({ username, password }: SourceLogin) {
      asked.push(username)
      return { kind: password === 'right' ? ('yes' as const) : ('no' as const) }
    },
  }
  const testLimit = rateLimit(database, TEST_LIMITS, 'trial-')
  const attempt = async (username: string, password: string) =>
    (await trySignIn.run({ name: OLD, username, password }, { source, testLimit }, BY)).answer
  return { asked, source, testLimit, attempt }
}

t.test('testLimit that fail are counted for the user name, right ones are not', async (t) => {
  const { asked, attempt } = trying()
  for (let number = 0; number < 15; number++) t.match(await attempt('anna', 'right'), { kind: 'yes' })
  for (let number = 0; number < TEST_LIMITS.person; number++) {
    t.match(await attempt('anna', `guess ${number}`), { kind: 'no' })
  }
  t.match(await attempt('anna', 'right'), { kind: 'trouble', code: 'throttled' })
  t.equal(asked.length, 15 + TEST_LIMITS.person)
  t.match(await attempt('bert', 'right'), { kind: 'yes' })
})

t.test('whoever tries many people at a provider is limited for each of them alone', async (t) => {
  const { asked, source, testLimit } = trying()
  const wrong = (username: string) =>
    tryPassword({ provider: OLD, username, password: 'wrong', isOneOfMany: true }, { source, testLimit })
  for (let number = 0; number <= TEST_LIMITS.provider; number++) t.match(await wrong(`p${number}`), { kind: 'no' })
  for (let number = 1; number < TEST_LIMITS.person; number++) await wrong('p0')
  const before = asked.length
  t.match(await wrong('p0'), { kind: 'trouble', code: 'throttled' })
  t.equal(asked.length, before)
})

t.test('testLimit and tests together have a limit at a provider', async (t) => {
  const { asked, attempt, testLimit } = trying()
  let probed = 0
  const deps = {
    providers: { find: async () => OLD, set: async () => undefined as never, noteTest: async () => undefined },
    domains: { list: async () => [] },
    testLimit,
    async *probe() {
      probed++
      yield { step: 'resolve' as const, ok: true, found: '', milliseconds: 1 }
    },
  }
  const test = async () => Array.fromAsync((await testProvider.run({ name: OLD }, deps, BY)).steps)
  for (let number = 0; number < TEST_LIMITS.provider - 1; number++) await attempt(`person ${number}`, 'guess')
  t.match(await test(), [{ ok: true }])
  t.match(await test(), [{ ok: false, found: /too many tests/, remedy: /ten minutes/ }])
  t.match(await attempt('anna', 'right'), { kind: 'trouble', code: 'throttled' })
  t.equal(probed, 1)
  t.equal(asked.length, TEST_LIMITS.provider - 1)
})

t.end()
