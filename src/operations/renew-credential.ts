import type { Userdb } from '../auth/ports.ts'
import type { Sealer } from '../keys/ports.ts'
import { parseAddress } from '../model/address.ts'
import type { By } from '../model/audit.ts'
import { expandHome } from '../model/home.ts'
import { Refused } from '../model/refused.ts'
import type { Source, SourceAnswer } from '../source/ports.ts'
import type { Credentials } from './ports.ts'

export interface RenewalDeps {
  readonly userdb: Pick<Userdb, 'accountOf' | 'awaited'>
  readonly source: Source
  readonly sealer: Sealer
  readonly credentials: Pick<Credentials, 'renew'>
  /** Template of an account's home on the destination. */
  readonly home: string
}

/**
 * Stores another password for an account at the source once the source has accepted it, and returns what the source
 * said.
 * @throws Refused when there is no unfinished migration of that address
 */
export async function renewCredential(
  address: string,
  password: string,
  by: By,
  { userdb, source, sealer, credentials, home }: RenewalDeps,
): Promise<SourceAnswer> {
  const person = parseAddress(address)
  const known = await userdb.accountOf(address)
  const live = known === null ? await userdb.awaited(address) : known.isLive ? known.from : null
  if (person === null || live === null) throw new Refused('conflict', `${address} has no unfinished migration`)
  const answer = await source.ask({
    provider: live.provider,
    username: live.oldUsername,
    password,
    clientAddress: null,
    signal: new AbortController().signal,
  })
  if (answer.kind === 'yes') {
    const sealed = await sealer.seal({ address, provider: live.provider.name, username: live.oldUsername, password })
    await credentials.renew(address, sealed, expandHome(home, person), by)
  }
  return answer
}

/** Why the credential was not renewed. */
export function whyNotRenewed(answer: Exclude<SourceAnswer, { kind: 'yes' }>): string {
  switch (answer.kind) {
    case 'no':
      return 'the old server refuses this password: nothing is changed'
    case 'disabled':
    case 'expired':
      return `the old server says that the account is ${answer.kind}: nothing is changed`
    case 'trouble':
      return `the old server could not be asked (${answer.code}): nothing is changed, try again`
  }
}
