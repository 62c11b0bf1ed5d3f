import t from 'tap'
import { type Ferry, rows, startFerry } from '../support/ferry.ts'
import { get } from '../support/service.ts'
import { until } from '../support/until.ts'

let ferry: Ferry
t.before(async () => {
  const settings = { POSTFERRY_LIMIT_PERSON: '3', POSTFERRY_CACHE_SECONDS: '300' }
  ferry = await startFerry({ 'anna@old.example': 'right', 'bert@old.example': 'right' }, settings)
})
t.after(() => ferry[Symbol.asyncDispose]())

const throttled = { status: 503, body: { success: false, verdict: 'tempfail', code: 'throttled' } }

t.test('a password that was just refused is not asked again; whoever guesses on is not asked about', async (t) => {
  const before = await ferry.old.loginCount()
  for (let time = 0; time < 3; time++) t.match(await ferry.service.passdb('bert@old.example', 'one'), { status: 401 })
  t.equal(await ferry.old.loginCount(), before + 1)
  for (const guess of ['two', 'three']) t.match(await ferry.service.passdb('bert@old.example', guess), { status: 401 })
  t.same(await ferry.service.passdb('bert@old.example', 'four'), throttled)
  t.same(await ferry.service.passdb('bert@old.example', 'right'), throttled, 'it is not known here')
  t.equal(await ferry.old.loginCount(), before + 3)
  const guesses = await ferry.service.passdb('nobody@elsewhere.example', 'x')
  t.match(guesses, { status: 401 }, 'others are not concerned')
})

t.test('a right password that is known here gets in, however often somebody guesses', async (t) => {
  t.match(await ferry.service.passdb('anna@old.example', 'right'), { status: 200 })
  for (const guess of ['one', 'two', 'three']) {
    t.match(await ferry.service.passdb('anna@old.example', guess), { status: 401 })
  }
  t.same(await ferry.service.passdb('anna@old.example', 'four'), throttled)
  t.match(await ferry.service.passdb('anna@old.example', 'right'), { status: 200 })
})

t.test('a source that has gone opens the breaker; it is seen, and closes when the source is back', async (t) => {
  t.match(await rows(ferry.service, 'provider', 'show', 'old'), { breaker: 'closed', connections_in_use: 0 })
  await ferry.old.stop()
  const codes: string[] = []
  for (let person = 0; person < 12; person++) {
    codes.push((await ferry.service.passdb(`person-${person}@old.example`, 'right')).body.code)
  }
  t.same([...new Set(codes)], ['old-unreachable', 'breaker-open'])
  t.match(await rows(ferry.service, 'provider', 'show', 'old'), { breaker: 'open' })
  const metrics = (await get(ferry.service.socket, '/metrics')).body
  t.match(metrics, /^postferry_old_breaker\{provider="old",state="open"\} 1$/m)
  t.match(await ferry.service.passdb('anna@old.example', 'right'), { status: 200 }, 'who is known is not concerned')
  await ferry.old.start()
  const tryAgain = () => ferry.service.passdb('later@old.example', 'wrong')
  await until(async () => (await tryAgain()).status === 401, 'the old server is asked again')
  t.match(await rows(ferry.service, 'provider', 'show', 'old'), { breaker: 'closed' })
})

t.end()
