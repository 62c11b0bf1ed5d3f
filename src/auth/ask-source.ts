import type { SourceAnswer } from '../source/ports.ts'
import type { Attempt, Deps } from './authenticate.ts'
import type { Origin } from './origins.ts'

type Asking = Pick<Deps, 'old' | 'refusals' | 'digest'>

/** What the source said, and of whom; of several without a yes, what says most about a right password. */
export interface Said {
  readonly answer: SourceAnswer
  readonly origin: Origin
}

const NO: SourceAnswer = { kind: 'no' }
const BY_WEIGHT: readonly SourceAnswer['kind'][] = ['no', 'expired', 'disabled', 'trouble']

/** Whether the source refused this password of this person just now. */
export function isRefused(origin: Origin, { password }: Attempt, { refusals, digest }: Asking): boolean {
  return refusals.has(digestOf(origin, password, digest))
}

/** Asks the source, unless it just refused this very question. */
export async function askSource(origin: Origin, attempt: Attempt, deps: Asking): Promise<SourceAnswer> {
  if (isRefused(origin, attempt, deps)) return NO
  const remember = deps.refusals.recorder(digestOf(origin, attempt.password, deps.digest))
  const { provider, oldUsername: username } = origin
  const answer = await deps.old.ask({ ...attempt, provider, username })
  if (answer.kind === 'no') remember()
  return answer
}

/** Asks about all of them at once; the first of them with a yes is who it is. */
export async function askEach(
  [first, ...others]: readonly [Origin, ...Origin[]],
  attempt: Attempt,
  deps: Asking,
): Promise<Said> {
  const decided = new AbortController()
  const signal = AbortSignal.any([attempt.signal, decided.signal])
  const asked = [first, ...others].map((origin) => {
    return { origin, answer: askSource(origin, { ...attempt, signal }, deps) }
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
