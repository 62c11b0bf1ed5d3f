import type { Account } from '../model/account.ts'
import type { Verdict } from '../model/verdict.ts'
import { answerLogins, type LoginDeps, type LoginRequest } from './login.ts'
import { allAddresses, lookUp } from './userdb.ts'

/** What Dovecot asks. */
export interface Auth {
  /** May this person in? */
  login(request: LoginRequest): Promise<Verdict>
  /** The account of a person; null: there is none. Throws when it cannot tell. */
  lookUp(username: string): Promise<Account | null>
  /** Everybody who has an account, in pages. */
  addresses(): AsyncGenerator<readonly string[]>
}

export function auth(deps: LoginDeps): Auth {
  return {
    login: answerLogins(deps),
    lookUp: (username) => lookUp(username, deps),
    addresses: () => allAddresses(deps.userdb),
  }
}
