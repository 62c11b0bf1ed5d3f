import t from 'tap'
import { openAuth } from '../../src/auth/auth.ts'
import type { SessionRoute } from '../../src/model/session-route.ts'
import { anna, provisioned, type World, world } from '../support/sign-in-world.ts'

function opened(script: World, routes: (SessionRoute | 'held')[] = []) {
  const { deps, seen } = world(script)
  const authCacheTtl = { ttlMs: 60_000, negativeTtlMs: 60_000 }
  let forget: (address: string | null) => void = () => undefined
  const listen = (onChange: typeof forget) => {
    forget = onChange
    return { isListening: () => true, [Symbol.dispose]: () => undefined }
  }
  const sessionRoute = async () => routes.shift() ?? ({ to: 'destination' } as const)
  const auth = openAuth({ ...deps, authCacheTtl, listen, answerLimitMs: 60_000, sessionRoute })
  const login = (password: string) =>
    auth.login({
      username: 'anna@old.example',
      password,
      clientAddress: null,
      isSession: true,
      onGone: () => undefined,
    })
  return { forget, seen, login, routes }
}

t.test('a change of an account makes no source be asked again; when anything may have changed, it is', async (t) => {
  const { forget, seen, login } = opened({})
  const asked = async () => {
    t.same(await login('wrong'), { verdict: 'mismatch' })
    return seen.asked.length
  }
  t.equal(await asked(), 1)
  forget(anna.address)
  t.equal(await asked(), 1)
  forget(null)
  t.equal(await asked(), 2)
})

t.test('a yes is forgotten when its account changes, and at once when a login itself changes it', async (t) => {
  const { forget, seen, login } = opened({ known: provisioned, old: { kind: 'yes' } })
  const verified = async (password: string) => {
    t.same(await login(password), { verdict: 'ok', account: anna, route: { to: 'destination' } })
    return seen.verified
  }
  t.equal(await verified('right'), 1)
  t.equal(await verified('right'), 1)
  forget('bert@new.example')
  t.equal(await verified('right'), 1)
  forget(anna.address)
  t.equal(await verified('right'), 2)
  t.equal(await verified('another one'), 3)
  t.equal(await verified('right'), 4, 'the account was renewed')
})

t.test('the route is read for each answer, until somebody is here', async (t) => {
  const source = { to: 'source', provider: provisioned.from?.provider as never, username: 'anna' } as const
  const { login, seen, routes, forget } = opened({ known: provisioned }, [source, 'held', source])
  const route = async () => {
    const verdict = await login('right')
    return verdict.verdict === 'ok' ? verdict.route : verdict
  }
  t.same(await route(), source)
  t.match(await route(), { verdict: 'tempfail', code: 'held' })
  t.same(await route(), source)
  t.same(await route(), { to: 'destination' })
  routes.push(source)
  t.same(await route(), { to: 'destination' }, 'that is remembered')
  t.equal(seen.verified, 1, 'and so is the password')
  forget(anna.address)
  t.same(await route(), source)
})

t.test('who waited until a flip was over is answered with the account as it is by then', async (t) => {
  const flipped = { ...anna, namespace: { prefix: 'INBOX.', separator: '.' } }
  const { login } = opened({ known: provisioned }, [{ to: 'destination', account: flipped }])
  const here = { verdict: 'ok', account: flipped, route: { to: 'destination' } }
  t.same(await login('right'), here)
  t.same(await login('right'), here, 'that is remembered')
})
