import t from 'tap'
import type { Interruption } from '../../src/copying/ports.ts'
import type { VerifyOptions } from '../../src/ledger/verify.ts'
import { verifying } from '../../src/operations/verify.ts'
import { performing } from '../support/perform.ts'
import { PROVIDER } from '../support/provider.ts'

const ADDRESS = 'anna@new.example'

/** A comparison whose connection goes on until its signal is aborted; `begun` is called when it is open. */
function comparison(seat: AbortSignal, begun: () => void, options: VerifyOptions = {}): Promise<unknown> {
  const deps = {
    migrations: {
      find: async () => ({ id: '1', address: ADDRESS, state: 'synced' }),
      orderOf: async () => ({ id: '1', home: '/anna', provider: PROVIDER }),
    },
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
  }
  return performing(deps as never)(verifying(options), { address: ADDRESS })
}

t.test('a comparison that gives up its connection to those who sign in says so', async (t) => {
  const seat = new AbortController()
  const begun = () => seat.abort('stopped' satisfies Interruption)
  await t.rejects(comparison(seat.signal, begun), {
    code: 'old-busy',
    message: 'sign-ins need the connection: try again',
  })
})

t.test('one that its own caller stops ends with the caller’s reason', async (t) => {
  const stop = new AbortController()
  const reason = new Error('enough')
  const seat = new AbortController().signal
  await t.rejects(
    comparison(seat, () => stop.abort(reason), { signal: stop.signal }),
    reason,
  )
})
