import type { AttemptLimit } from '../auth/ports.ts'
import type { Provider } from '../model/provider.ts'
import type { Code } from '../model/verdict.ts'
import type { Source, SourceAnswer } from '../source/ports.ts'

/** Trials within ten minutes, after which nothing more is tried for a user name, or at a provider. */
export const TRIAL_LIMITS = { person: 10, client: 0, provider: 60 }

export interface TrialDeps {
  readonly source: Source
  readonly trials: AttemptLimit
}

/** Asks a provider whether a password is right there, and keeps nothing of it. A right one counts against nobody. */
export async function trySignIn(
  provider: Provider,
  username: string,
  password: string,
  { source, trials }: TrialDeps,
): Promise<SourceAnswer> {
  const suspect = { person: `${provider.name} ${username}`, client: null, provider: provider.name }
  if (!(await trials.consume(suspect))) {
    return { kind: 'trouble', code: 'throttled', cause: 'too many trials', answered: false }
  }
  const { signal } = new AbortController()
  const answer = await source.ask({ provider, username, password, clientAddress: null, signal })
  if (answer.kind === 'yes') await trials.refund(suspect)
  return answer
}

/** What a trial sign-in came to, in words. */
export interface Trial {
  readonly said: string
  /** Null: nothing has to be done. */
  readonly remedy: string | null
}

const TEST = 'test the way there (postferry provider test)'
const REMEDIES: Readonly<Record<Code, string>> = {
  'old-unreachable': TEST,
  'old-timeout': TEST,
  'old-tls': TEST,
  'old-protocol': `${TEST}, which also learns how a password is refused there`,
  'old-busy': 'try again; if it stays, allow fewer connections (--max-connections), or ask for more there',
  'breaker-open': `wait half a minute: it did not answer and is left alone meanwhile; or ${TEST}`,
  throttled: 'try again in ten minutes: too much was tried',
  collision: 'postferry report tells who wants what somebody else has',
  database: 'look at postferry doctor',
  internal: 'look at the log of postferry serve',
}

/** What the source's answer to a trial means. */
export function trialOf(answer: SourceAnswer, { loginName }: Pick<Provider, 'loginName'>): Trial {
  switch (answer.kind) {
    case 'yes':
      return { said: 'the old server lets this person in', remedy: null }
    case 'no': {
      const form = loginName === '%u' ? 'the whole address' : 'the local part of the address'
      const remedy = `check both; sign-ins of this provider ask there with ${form} (--login-name)`
      return { said: 'the old server refuses this user name or password', remedy }
    }
    case 'disabled':
    case 'expired':
      return {
        said: `the old server says that the account is ${answer.kind}`,
        remedy: 'try another account, or ask whoever runs the old server',
      }
    case 'trouble':
      return { said: `the old server could not be asked (${answer.code})`, remedy: REMEDIES[answer.code] }
  }
}
