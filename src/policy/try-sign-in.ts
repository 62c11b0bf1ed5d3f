import type { Provider } from '../model/provider.ts'
import type { Code } from '../model/verdict.ts'
import type { Old, OldAnswer } from './ports.ts'

/** Asks a provider whether a password is right there, and keeps nothing of it. */
export async function trySignIn(provider: Provider, username: string, password: string, old: Old): Promise<OldAnswer> {
  const { signal } = new AbortController()
  return await old.ask({ provider, username, password, clientAddress: null, signal })
}

/** What a trial sign-in came to, in words. */
export interface Trial {
  readonly said: string
  /** Null: nothing has to be done. */
  readonly remedy: string | null
}

const TEST = 'test the way there (mailferry provider test)'
const REMEDIES: Readonly<Record<Code, string>> = {
  'old-unreachable': TEST,
  'old-timeout': TEST,
  'old-tls': TEST,
  'old-protocol': `${TEST}, which also learns how a password is refused there`,
  'old-busy': 'try again; if it stays, allow fewer connections (--max-connections), or ask for more there',
  'breaker-open': `wait half a minute: it did not answer and is left alone meanwhile; or ${TEST}`,
  throttled: 'try again later',
  collision: 'mailferry report tells who wants what somebody else has',
  database: 'look at mailferry doctor',
  internal: 'look at the log of mailferry serve',
}

/** What OLD's answer to a trial means. */
export function trialOf(answer: OldAnswer, { loginName }: Pick<Provider, 'loginName'>): Trial {
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
