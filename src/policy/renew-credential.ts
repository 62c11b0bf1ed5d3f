import { Refusal } from '../model/refusal.ts'
import type { KnownAccount, Old, OldAnswer, Sealer } from './ports.ts'
import type { Credentials } from './records.ts'

export interface RenewalSurroundings {
  readonly directory: { accountOf(address: string): Promise<KnownAccount | null> }
  readonly old: Old
  readonly sealer: Sealer
  readonly credentials: Credentials
}

/**
 * Stores another password for an account on OLD once OLD has accepted it, and returns what OLD said.
 * @throws Refusal when there is no unfinished migration of that address
 */
export async function renewCredential(
  address: string,
  password: string,
  { directory, old, sealer, credentials }: RenewalSurroundings,
): Promise<OldAnswer> {
  const live = (await directory.accountOf(address))?.liveMigration
  if (!live) throw new Refusal(`${address} has no unfinished migration`)
  const answer = await old.ask({
    provider: live.provider,
    username: live.oldUsername,
    password,
    clientAddress: null,
    signal: new AbortController().signal,
  })
  if (answer.kind === 'yes') {
    await credentials.renew(address, await sealer.seal({ address, username: live.oldUsername, password }))
  }
  return answer
}
