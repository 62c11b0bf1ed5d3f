import type { AttemptLimit } from '../auth/ports.ts'
import type { Source, SourceAnswer, SourceLogin } from '../source/ports.ts'

export interface TrialDeps {
  readonly source: Source
  readonly testLimit: AttemptLimit
}

/** Who is tried, and whether it counts against all of the provider, too: whoever tries many people does not want that. */
export interface Trial extends Pick<SourceLogin, 'provider' | 'username' | 'password'> {
  readonly isOneOfMany?: boolean
}

/** Asks a provider whether a password is right there, so often that nobody guesses one. A right one counts against nobody. */
export async function tryPassword(trial: Trial, { source, testLimit }: TrialDeps): Promise<SourceAnswer> {
  const { isOneOfMany = false, ...login } = trial
  const { name } = login.provider
  const subject = { person: `${name} ${login.username}`, client: null, provider: isOneOfMany ? null : name }
  if (!(await testLimit.consume(subject))) {
    return { kind: 'trouble', code: 'throttled', cause: 'too many tests', answered: false }
  }
  const { signal } = new AbortController()
  const answer = await source.ask({ ...login, clientAddress: null, signal })
  if (answer.kind === 'yes') await testLimit.refund(subject)
  return answer
}
