import t from 'tap'
import { AuthCache } from '../../src/auth/auth-cache.ts'
import type { Account } from '../../src/model/account.ts'
import type { Ok } from '../../src/model/verdict.ts'

const MINUTE = 60_000
const TTL = { ttlMs: MINUTE, negativeTtlMs: MINUTE }

const cacheOf = () => new AuthCache(TTL, () => true)
const okOf = (address: string): Ok => ({ verdict: 'ok', account: { address, enabled: true } as Account })
const isKnown = (cache: AuthCache, login: string) => cache.get(login) !== undefined

t.test('a change of an account looks at nobody else’s logins', async (t) => {
  const cache = cacheOf()
  let looks = 0
  for (let number = 0; number < 100; number++) {
    const { account } = okOf(`p${number}@new.example`)
    const counted = {
      verdict: 'ok',
      get account() {
        looks++
        return account
      },
    } as const
    cache.recorder(`p${number}`)(counted)
  }
  looks = 0
  cache.forget('nobody@new.example')
  t.equal(looks, 0)
  cache.forget('p7@new.example')
  t.ok(looks <= 1)
  t.same([isKnown(cache, 'p7'), isKnown(cache, 'p8')], [false, true])
})

t.test('all logins of an account are forgotten with it, also after some were replaced', async (t) => {
  const cache = cacheOf()
  for (const login of ['one', 'two', 'one']) cache.recorder(login)(okOf('anna@new.example'))
  cache.recorder('two')(okOf('bert@new.example'))
  cache.forget('anna@new.example')
  t.same([isKnown(cache, 'one'), isKnown(cache, 'two')], [false, true], 'that login is somebody else’s by now')
  cache.forget('bert@new.example')
  t.notOk(isKnown(cache, 'two'))
})

t.test('another account’s change meanwhile does not void a yes, and its own does', async (t) => {
  for (const [changed, known] of [
    ['bert@new.example', true],
    ['anna@new.example', false],
    [null, false],
  ] as const) {
    const cache = cacheOf()
    const record = cache.recorder('anna')
    cache.forget(changed)
    cache.forget('carl@new.example')
    record(okOf('anna@new.example'))
    t.equal(isKnown(cache, 'anna'), known, `${changed}`)
  }
})

t.test('so it is with a yes that says more', async (t) => {
  for (const [changed, account] of [
    ['bert@new.example', 'refined'],
    ['anna@new.example', undefined],
  ] as const) {
    const cache = cacheOf()
    const ok = okOf('anna@new.example')
    cache.recorder('anna')(ok)
    const refine = cache.refiner('anna')
    cache.forget(changed)
    refine(ok, { ...ok, account: { ...ok.account, home: 'refined' } })
    t.equal((cache.get('anna') as Ok | undefined)?.account.home, account)
  }
})

t.test('any change meanwhile voids a no: it may be about whoever was refused', async (t) => {
  const cache = cacheOf()
  const record = cache.recorder('anna')
  cache.forget('bert@new.example')
  record({ verdict: 'mismatch' })
  t.notOk(isKnown(cache, 'anna'))
  cache.recorder('anna')({ verdict: 'mismatch' })
  t.ok(isKnown(cache, 'anna'))
})

t.test(
  'after very many changes whatever began before them is void: the oldest are not told apart any more',
  async (t) => {
    const cache = cacheOf()
    const record = cache.recorder('anna')
    cache.forget('anna@new.example')
    for (let number = 0; number < 10_000; number++) cache.forget(`p${number}@new.example`)
    record(okOf('anna@new.example'))
    t.notOk(isKnown(cache, 'anna'))
    cache.recorder('anna')(okOf('anna@new.example'))
    t.ok(isKnown(cache, 'anna'))
  },
)
