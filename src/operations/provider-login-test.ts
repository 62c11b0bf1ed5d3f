import type { Provider } from '../model/provider.ts'
import type { Code } from '../model/verdict.ts'
import type { SourceAnswer } from '../source/ports.ts'
import { password, username } from './fields.ts'
import { operation, secret, text } from './operation.ts'
import { NAMED } from './providers.ts'
import { the } from './schema.ts'
import { LoginTest as LoginTestSchema } from './schemas.ts'
import { whyNot } from './source-words.ts'
import { type TrialDeps, tryPassword } from './trial.ts'

/** Tests within ten minutes, after which none is made any more for a user name, or at a provider. */
export const TEST_LIMITS = { person: 10, client: 0, provider: 60 }

export interface LoginTest {
  readonly provider: Provider
  readonly answer: SourceAnswer
}

export const trySignIn = operation({
  ...{ name: 'provider.sign-in', permission: 'operate', isAudited: false },
  summary: 'Try a password at a provider; nothing of it is kept',
  fields: {
    name: NAMED,
    username: text(username, 'user name on the old server'),
    password: secret(password, 'password on the old server'),
  },
  answer: { schema: the(LoginTestSchema), row: loginTestRow },
  run: async ({ name: provider, ...person }, deps: TrialDeps) => ({
    provider,
    answer: await tryPassword({ provider, ...person }, deps),
  }),
})

export function loginTestRow({ answer, provider }: LoginTest) {
  return {
    answer: answer.kind,
    code: answer.kind === 'trouble' ? answer.code : null,
    ...explanationOf(answer, provider),
  }
}

/** What a trial sign-in came to, in words. */
export interface Explanation {
  readonly said: string
  /** Null: nothing has to be done. */
  readonly remedy: string | null
}

const TEST = 'test the connection (postferry provider test)'
const REMEDIES: Readonly<Record<Code, string>> = {
  'old-unreachable': TEST,
  'old-timeout': TEST,
  'old-tls': TEST,
  'old-protocol': `${TEST}, which also learns how the old server refuses a password`,
  'old-busy': 'try again; if it stays, allow fewer connections (--max-connections), or have the old server allow more',
  'breaker-open': `wait half a minute: it did not answer, and is not asked meanwhile; or ${TEST}`,
  throttled: 'try again in ten minutes: there were too many attempts',
  collision: 'postferry report shows who wants an address that somebody else has',
  held: 'try again in a minute: the mailbox is being moved',
  database: 'look at postferry doctor',
  internal: 'look at the log of postferry serve',
}

/** What the source's answer means. */
export function explanationOf(answer: SourceAnswer, { loginName }: Pick<Provider, 'loginName'>): Explanation {
  if (answer.kind === 'yes') return { said: 'the old server lets this person in', remedy: null }
  const form = loginName === '%u' ? 'the whole address' : 'the local part of the address'
  const check = `check both; sign-ins at this provider use ${form} as the user name (--login-name)`
  const others = 'try another account, or ask whoever runs the old server'
  const remedy = answer.kind === 'no' ? check : answer.kind === 'trouble' ? REMEDIES[answer.code] : others
  return { said: whyNot(answer, 'this user name or password'), remedy }
}
