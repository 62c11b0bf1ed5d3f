import type { AttemptLimit, Hasher, Visits } from '../auth/ports.ts'
import { DATABASE_LIMIT_MS } from '../auth/unavailable.ts'
import type { TotpSealer } from '../keys/ports.ts'
import { type Administrator, parseAdministratorName } from '../model/administrator.ts'
import { networkOf } from '../model/network.ts'
import { within } from '../model/timeout.ts'
import type { Administrators } from './administrator-ports.ts'
import { totpStep } from './totp.ts'

/** An administrator's sign-in, as an interface asks about it. */
export interface AdministratorQuestion {
  /** As it was typed. */
  readonly name: string
  readonly password: string
  /** Null: none was given yet. */
  readonly code: string | null
  /** IP address of the browser; null: unknown. */
  readonly client: string | null
}

/** A wrong name, password or code are one answer. `code-wanted`: the password is right, and a code is needed too. */
export type AdministratorAnswer =
  | { readonly kind: 'ok'; readonly administrator: Administrator; readonly stamp: string }
  | { readonly kind: 'refused' | 'code-wanted' | 'throttled' }
  | { readonly kind: 'could-not-ask'; readonly cause: unknown }

export interface AdministratorDeps {
  readonly administrators: Pick<Administrators, 'find' | 'useTotpStep' | 'noteSignIn'>
  readonly hasher: Hasher
  readonly totpSealer: Pick<TotpSealer, 'open'>
  /** For a name from one network, and for the network. */
  readonly rateLimit: AttemptLimit
  /** For a name from everywhere. */
  readonly totalRateLimit: AttemptLimit
  readonly visits: Visits
}

/**
 * Failed sign-ins within ten minutes, after which no attempt is made any more for a name from one network, or for that
 * network.
 */
export const ADMINISTRATOR_LIMITS = { person: 10, client: 30, provider: 0 }
/** The same for a name from everywhere; a network where the administrator has signed in before is not among these. */
export const ADMINISTRATOR_TOTAL = { person: 100, client: 0, provider: 0 }

/** May this administrator in? Whoever failed too often is not asked about, right or wrong. Never throws. */
export async function signInAdministrator(
  question: AdministratorQuestion,
  deps: AdministratorDeps,
): Promise<AdministratorAnswer> {
  const name = parseAdministratorName(question.name)
  let taken: Taken | null
  try {
    taken = await take(name ?? question.name, question.client, deps)
  } catch (cause) {
    return { kind: 'could-not-ask', cause }
  }
  if (taken === null) return { kind: 'throttled' }
  const answer = await decide(name, question, deps).catch((cause) => ({ kind: 'could-not-ask' as const, cause }))
  // Given back or not, noted or not: the answer stands.
  if (answer.kind !== 'refused') await during(taken.giveBack()).catch(() => undefined)
  if (answer.kind === 'ok') await during(taken.noteVisit()).catch(() => undefined)
  return answer
}

/** An attempt that was within the limits. */
interface Taken {
  giveBack(): Promise<unknown>
  noteVisit(): Promise<void>
}

/** Strangers elsewhere keep nobody out who signs in from where they did before. */
async function take(name: string, client: string | null, deps: AdministratorDeps): Promise<Taken | null> {
  const { rateLimit, totalRateLimit, visits } = deps
  const [here, everywhere] = [`${name}\0${networkOf(client ?? '')}`, `administrator ${name}`]
  const pair = { person: here, client, provider: null }
  const total = { person: name, client: null, provider: null }
  if (!(await during(rateLimit.consume(pair)))) return null
  const isKnown = client !== null && (await during(visits.has(everywhere, client)))
  if (!isKnown && !(await during(totalRateLimit.consume(total)))) return null
  return {
    giveBack: () => Promise.all([rateLimit.refund(pair), ...(isKnown ? [] : [totalRateLimit.refund(total)])]),
    noteVisit: async () => void (client !== null && (await visits.note(everywhere, client))),
  }
}

async function decide(
  name: string | null,
  { password, code, client }: AdministratorQuestion,
  { administrators, hasher, totpSealer }: AdministratorDeps,
): Promise<AdministratorAnswer> {
  const known = name === null ? null : await during(administrators.find(name))
  const isRight = await hasher.verify(known?.passwordHash ?? null, password)
  if (known === null || !isRight) return { kind: 'refused' }
  const { administrator, totpSealed, stamp } = known
  if (totpSealed !== null) {
    if (code === null) return { kind: 'code-wanted' }
    const step = await totpStep(totpSealer.open(administrator.name, totpSealed), code, new Date())
    const isFirst = step !== null && (await during(administrators.useTotpStep(administrator.name, step)))
    if (!isFirst) return { kind: 'refused' }
  }
  await during(administrators.noteSignIn(administrator.name, client))
  return { kind: 'ok', administrator, stamp }
}

function during<T>(work: Promise<T>): Promise<T> {
  return within(DATABASE_LIMIT_MS, work)
}
