import t from 'tap'
import type { Interruption } from '../../src/copying/ports.ts'
import { type VerifyAccountDeps, verifyAccount } from '../../src/operations/verify.ts'
import { PROVIDER } from '../support/provider.ts'

const ADDRESS = 'anna@new.example'

/** A comparison whose connection goes on until its signal is aborted; `begun` is called when it is open. */
function world(seat: AbortSignal, begun: () => void): VerifyAccountDeps {
  const deps = {
    migrations: { orderOf: async () => ({ id: '1', home: '/anna', provider: PROVIDER }) },
    credentials: { handOut: async () => [new Uint8Array()] },
    budget: { take: async () => ({ signal: seat, [Symbol.dispose]: () => undefined }) },
    keyring: async () => ({ open: async () => ({ credential: { username: 'anna', password: 'x' } }) }),
    digests: { open: () => ({ [Symbol.dispose]: () => undefined }) },
    engine: {},
    sourceMail: {
      async open(_: unknown, _username: string, _password: string, signal: AbortSignal) {
        begun()
        signal.throwIfAborted()
      },
    },
    reader: 'verify on host',
  }
  return deps as unknown as VerifyAccountDeps
}

t.test('a comparison that gives up its connection to those who sign in says so', async (t) => {
  const seat = new AbortController()
  const begun = () => seat.abort('stopped' satisfies Interruption)
  await t.rejects(verifyAccount(ADDRESS, world(seat.signal, begun)), {
    code: 'old-busy',
    message: 'sign-ins need the connection: try again',
  })
})

t.test('one that its own caller stops ends with the caller’s reason', async (t) => {
  const stop = new AbortController()
  const reason = new Error('enough')
  const deps = world(new AbortController().signal, () => stop.abort(reason))
  await t.rejects(verifyAccount(ADDRESS, deps, { signal: stop.signal }), reason)
})
