import { MISMATCH } from '../model/verdict.ts'
import type { SourceAnswer } from '../source/ports.ts'
import type { AuthDeps, LoginAttempt } from './ports.ts'
import type { Candidate } from './resolve.ts'

type AskDeps = Pick<AuthDeps, 'source' | 'sourceRefusals'>

/** What the source said, and of whom; of several without a yes, what says most about a right password. */
export interface Said {
  readonly answer: SourceAnswer
  readonly candidate: Candidate
}

const NO: SourceAnswer = { kind: 'no' }
const BY_WEIGHT: readonly SourceAnswer['kind'][] = ['no', 'expired', 'disabled', 'trouble']

/** Whether the source refused this password of this person lately. */
export function isRefused(candidate: Candidate, attempt: LoginAttempt, { sourceRefusals }: AskDeps): boolean {
  return sourceRefusals.get(keyOf(candidate, attempt)) !== undefined
}

/** Asks the source, unless it refused this very login lately. */
export async function askSource(candidate: Candidate, attempt: LoginAttempt, deps: AskDeps): Promise<SourceAnswer> {
  if (isRefused(candidate, attempt, deps)) return NO
  const record = deps.sourceRefusals.recorder(keyOf(candidate, attempt))
  const { password, clientAddress, signal } = attempt
  const { provider, oldUsername: username } = candidate
  const answer = await deps.source.ask({ provider, username, password, clientAddress, signal })
  if (answer.kind === 'no') record(MISMATCH)
  return answer
}

/** Asks about all of them at once; the first of them with a yes is who it is. */
export async function askEach(
  [first, ...others]: readonly [Candidate, ...Candidate[]],
  attempt: LoginAttempt,
  deps: AskDeps,
): Promise<Said> {
  const decided = new AbortController()
  const signal = AbortSignal.any([attempt.signal, decided.signal])
  const asked = [first, ...others].map((candidate) => {
    return { candidate, answer: askSource(candidate, { ...attempt, signal }, deps) }
  })
  let said: Said = { candidate: first, answer: NO }
  for (const { candidate, answer: pending } of asked) {
    const answer = await pending
    if (BY_WEIGHT.indexOf(answer.kind) > BY_WEIGHT.indexOf(said.answer.kind)) said = { candidate, answer }
    if (answer.kind !== 'yes') continue
    decided.abort()
    return { candidate, answer }
  }
  return said
}

function keyOf({ provider, oldUsername }: Candidate, { passwordDigest }: LoginAttempt): string {
  // A provider's name has no blank.
  return `${passwordDigest} ${provider.name} ${oldUsername}`
}
