import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Auth } from '../../src/auth/auth.ts'
import type { LoginRequest } from '../../src/auth/login.ts'
import type { Check } from '../../src/http/health.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { describeRoutes } from '../../src/http/openapi.ts'
import { type HttpDeps, httpListener } from '../../src/http/server.ts'
import type { Account } from '../../src/model/account.ts'
import { MISMATCH, type Verdict } from '../../src/model/verdict.ts'
import type { Standing } from '../../src/operations/standing.ts'
import type { ProviderStatus } from '../../src/source/ports.ts'

export const account: Account = { address: 'anna@new.example', home: '/home/anna', quotaBytes: 1024, enabled: true }

export const ADMIN_TOKEN = 'the token of administrators'

export interface Script {
  verdict?: Verdict
  login?: (request: LoginRequest) => Promise<Verdict>
  lookUp?: Auth['lookUp']
  deliveryOf?: HttpDeps['deliveryOf']
  addresses?: Auth['addresses']
  providers?: readonly ProviderStatus[]
  standing?: Standing | null
  checks?: Record<string, Check>
  authToken?: string | null
  hostNames?: readonly string[] | null
  proxyNetworks?: readonly string[]
}

/** The app of a listener with nothing behind it but a script, what it was asked, and what it logged. */
export function scriptedListener({ verdict = MISMATCH, authToken = null, hostNames = null, ...script }: Script) {
  const logged: string[] = []
  const requests: object[] = []
  const auth: Auth = {
    async login(request) {
      const { onGone, ...rest } = request
      requests.push(rest)
      return script.login === undefined ? verdict : await script.login(request)
    },
    lookUp: script.lookUp ?? (async (username) => (username === account.address ? account : null)),
    async *addresses() {
      yield* script.addresses?.() ?? [[account.address]]
    },
    forget: () => undefined,
  }
  const log = pino({ level: 'trace' }, { write: (line: string) => logged.push(line) })
  const metrics = createMetrics()
  const checks = script.checks ?? { database: async () => undefined }
  return {
    app: httpListener({
      deliveryOf: script.deliveryOf ?? (async () => ({ to: 'destination' })),
      ...{ auth, checks, metrics, log, authToken, hostNames },
      providerStatus: () => script.providers ?? [],
      standing: async () => script.standing ?? null,
      adminToken: ADMIN_TOKEN,
      proxyNetworks: script.proxyNetworks ?? [],
      prepare: describeRoutes,
    }),
    metrics,
    requests,
    logged,
  }
}

/** The same, listening on a Unix socket. */
export async function onSocket(script: Script) {
  const listener = scriptedListener(script)
  const folder = mkdtempSync(join(tmpdir(), 'postferry-listener-'))
  const socket = join(folder, 'http.sock')
  await listener.app.listen({ path: socket })
  return {
    ...listener,
    socket,
    async [Symbol.asyncDispose]() {
      listener.app.server.closeAllConnections()
      await listener.app.close()
      await rm(folder, { recursive: true })
    },
  }
}
