import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Question } from '../../src/auth/login.ts'
import type { Asked } from '../../src/http/auth/passdb.ts'
import type { Check } from '../../src/http/health.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { describeRoutes } from '../../src/http/openapi.ts'
import { httpDoor } from '../../src/http/server.ts'
import type { Account } from '../../src/model/account.ts'
import { MISMATCH, type Verdict } from '../../src/model/verdict.ts'
import type { ProviderStatus } from '../../src/source/ports.ts'

export const account: Account = { address: 'anna@new.example', home: '/home/anna', quotaBytes: 1024, enabled: true }

export const ADMIN_TOKEN = 'the token of administrators'

export interface Script {
  verdict?: Verdict
  signIn?: (question: Question) => Promise<Verdict>
  lookUp?: Asked['lookUp']
  addresses?: Asked['addresses']
  providers?: readonly ProviderStatus[]
  checks?: Record<string, Check>
  authToken?: string | null
  hostNames?: readonly string[] | null
  proxyNetworks?: readonly string[]
}

/** The HTTP door with nothing behind it but a script, what it was asked, and what it logged. */
export function scriptedDoor({ verdict = MISMATCH, authToken = null, hostNames = null, ...script }: Script) {
  const logged: string[] = []
  const questions: object[] = []
  const asked: Asked = {
    async signIn(question) {
      const { onGone, ...rest } = question
      questions.push(rest)
      return script.signIn === undefined ? verdict : await script.signIn(question)
    },
    lookUp: script.lookUp ?? (async (username) => (username === account.address ? account : null)),
    async *addresses() {
      yield* script.addresses?.() ?? [[account.address]]
    },
    providers: () => [...(script.providers ?? [])],
  }
  const log = pino({ level: 'trace' }, { write: (line: string) => logged.push(line) })
  const metrics = createMetrics()
  const checks = script.checks ?? { database: async () => undefined }
  return {
    app: httpDoor({
      ...{ asked, checks, metrics, log, authToken, hostNames },
      adminToken: ADMIN_TOKEN,
      proxyNetworks: script.proxyNetworks ?? [],
      prepare: describeRoutes,
    }),
    metrics,
    questions,
    logged,
  }
}

/** The same, listening on a Unix socket. */
export async function listeningDoor(script: Script) {
  const door = scriptedDoor(script)
  const folder = mkdtempSync(join(tmpdir(), 'postferry-door-'))
  const socket = join(folder, 'door.sock')
  await door.app.listen({ path: socket })
  return {
    ...door,
    socket,
    async [Symbol.asyncDispose]() {
      door.app.server.closeAllConnections()
      await door.app.close()
      await rm(folder, { recursive: true })
    },
  }
}
