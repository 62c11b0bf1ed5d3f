import { type Administrator, parseAdministratorName } from '../model/administrator.ts'
import { within } from '../model/within.ts'
import type { Administrators, TotpSealer } from './administrators.ts'
import type { Hasher, Tries } from './ports.ts'
import { totpStep } from './totp.ts'
import { DATABASE_LIMIT_MS } from './trouble.ts'

/** An administrator's sign-in, as a door asks about it. */
export interface AdministratorQuestion {
  /** As it was typed. */
  readonly name: string
  readonly password: string
  /** Null: none was given yet. */
  readonly code: string | null
  /** IP address of the browser; null when the door does not know. */
  readonly client: string | null
}

/** A wrong name, password or code are one answer. `code-wanted`: the password is right, and a code is needed too. */
export type AdministratorAnswer =
  | { readonly kind: 'ok'; readonly administrator: Administrator; readonly stamp: string }
  | { readonly kind: 'refused' | 'code-wanted' | 'throttled' }
  | { readonly kind: 'could-not-ask'; readonly cause: unknown }

export interface AdministratorSurroundings {
  readonly administrators: Pick<Administrators, 'find' | 'useTotpStep' | 'noteSignIn'>
  readonly hasher: Hasher
  readonly totpSealer: Pick<TotpSealer, 'open'>
  readonly tries: Tries
}

/** Failed sign-ins within ten minutes, after which nothing more is tried for a name or a client's network. */
export const ADMINISTRATOR_LIMITS = { person: 10, client: 30, provider: 0 }

/** May this administrator in? Whoever failed too often is not asked about, right or wrong. Never throws. */
export async function signInAdministrator(
  question: AdministratorQuestion,
  around: AdministratorSurroundings,
): Promise<AdministratorAnswer> {
  const name = parseAdministratorName(question.name)
  const suspect = { person: name ?? question.name, client: question.client, provider: null }
  try {
    if (!(await during(around.tries.take(suspect)))) return { kind: 'throttled' }
  } catch (cause) {
    return { kind: 'could-not-ask', cause }
  }
  const answer = await decide(name, question, around).catch((cause) => ({ kind: 'could-not-ask' as const, cause }))
  // Given back or not: the answer stands.
  if (answer.kind !== 'refused') await during(around.tries.giveBack(suspect)).catch(() => undefined)
  return answer
}

async function decide(
  name: string | null,
  { password, code, client }: AdministratorQuestion,
  { administrators, hasher, totpSealer }: AdministratorSurroundings,
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
