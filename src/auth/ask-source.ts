import type { OldAnswer } from '../source/ports.ts'
import type { Attempt, Surroundings } from './authenticate.ts'
import type { Origin } from './origins.ts'

type Asking = Pick<Surroundings, 'old' | 'refusals' | 'digest'>

/** What OLD said, and of whom; of several without a yes, what says most about a right password. */
export interface Said {
  readonly answer: OldAnswer
  readonly origin: Origin
}

const NO: OldAnswer = { kind: 'no' }
const BY_WEIGHT: readonly OldAnswer['kind'][] = ['no', 'expired', 'disabled', 'trouble']

/** Whether OLD refused this password of this person just now. */
export function isRefused(origin: Origin, { password }: Attempt, { refusals, digest }: Asking): boolean {
  return refusals.has(digestOf(origin, password, digest))
}

/** Asks OLD, unless it just refused this very question. */
export async function askOld(origin: Origin, attempt: Attempt, outside: Asking): Promise<OldAnswer> {
  if (isRefused(origin, attempt, outside)) return NO
  const remember = outside.refusals.recorder(digestOf(origin, attempt.password, outside.digest))
  const { provider, oldUsername: username } = origin
  const answer = await outside.old.ask({ ...attempt, provider, username })
  if (answer.kind === 'no') remember()
  return answer
}

/** Asks about all of them at once; the first of them with a yes is who it is. */
export async function askEach(
  [first, ...others]: readonly [Origin, ...Origin[]],
  attempt: Attempt,
  outside: Asking,
): Promise<Said> {
  const decided = new AbortController()
  const signal = AbortSignal.any([attempt.signal, decided.signal])
  const asked = [first, ...others].map((origin) => {
    return { origin, answer: askOld(origin, { ...attempt, signal }, outside) }
  })
  let said: Said = { origin: first, answer: NO }
  for (const { origin, answer: pending } of asked) {
    const answer = await pending
    if (BY_WEIGHT.indexOf(answer.kind) > BY_WEIGHT.indexOf(said.answer.kind)) said = { origin, answer }
    if (answer.kind !== 'yes') continue
    decided.abort()
    return { origin, answer }
  }
  return said
}

function digestOf({ provider, oldUsername }: Origin, password: string, digest: Asking['digest']): string {
  // A provider's name has no blank.
  return digest(`${provider.name} ${oldUsername}`, password)
}
