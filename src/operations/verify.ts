import type { Keyring } from '../keys/open-credential.ts'
import { type VerifyDeps, type VerifyOptions, type VerifyOrder, verify } from '../ledger/verify.ts'
import type { By } from '../model/audit.ts'
import { CouldNotAsk, type Ledger } from '../model/ledger.ts'
import { accept } from '../model/migration.ts'
import { Refused } from '../model/refused.ts'
import type { Budget } from '../source/budget.ts'
import type { Credentials, Migrations } from './ports.ts'

/** So long a connection to the source is waited for. */
const SEAT_LIMIT_MS = 60_000

export interface VerifyAccountDeps extends VerifyDeps {
  readonly migrations: Pick<Migrations, 'find' | 'orderOf' | 'take'>
  readonly credentials: Pick<Credentials, 'handOut'>
  readonly budget: Pick<Budget, 'take'>
  /** Who opens credentials here, for the record: `root@copyhost`. */
  readonly reader: string
  /** Opened on the copying host only. */
  keyring(): Promise<Keyring>
}

export interface VerifyAccountOptions extends Omit<VerifyOptions, 'accept'> {
  /** Who says that all differences found now are right as they are; without, nobody does. */
  readonly acceptedBy?: By
}

/**
 * Compares an account's mail at the source and the destination, and keeps the result. Whose differences are accepted is
 * due.
 * @throws Refused when the address has no migration
 * @throws CouldNotAsk when the source cannot be asked, or with which credential is not to be had
 */
export async function verifyAccount(
  address: string,
  deps: VerifyAccountDeps,
  { acceptedBy, ...options }: VerifyAccountOptions = {},
): Promise<Ledger> {
  const order = await orderOf(address, deps)
  const ledger = await seated(order, deps, { ...options, accept: acceptedBy !== undefined })
  if (acceptedBy !== undefined) {
    await deps.migrations.take(address, accept, { ...acceptedBy, action: 'migration.accept' })
  }
  return ledger
}

async function seated(order: VerifyOrder, deps: VerifyAccountDeps, options: VerifyOptions) {
  const stop = options.signal ?? new AbortController().signal
  const patience = { limitMs: SEAT_LIMIT_MS, signal: stop }
  using seat = await deps.budget.take(order.provider.name, 'copying', patience)
  if (seat === null) throw new CouldNotAsk('old-busy', 'all connections that copying may have are in use: try again')
  try {
    return await verify(order, deps, { ...options, signal: AbortSignal.any([stop, seat.signal]) })
  } catch (error) {
    if (stop.aborted || !seat.signal.aborted) throw error
    throw new CouldNotAsk('old-busy', 'sign-ins need the connection: try again', error)
  }
}

async function orderOf(address: string, given: VerifyAccountDeps): Promise<VerifyOrder> {
  const order = await given.migrations.orderOf(address)
  if (order === null) throw await notCopied(address, given)
  const { id, home, provider } = order
  const [sealed] = await given.credentials.handOut([id], given.reader)
  if (sealed === undefined) throw new CouldNotAsk('no-credential', `no credential of ${address} is kept`)
  const keyring = await given.keyring()
  const { credential, refused, why } = await keyring.open(sealed)
  if (refused !== undefined) {
    throw new CouldNotAsk(refused === 'endpoint-changed' ? refused : 'no-credential', `${address}: ${why}`)
  }
  const { username, password } = credential
  return { migrationId: id, home, provider, username, password }
}

async function notCopied(address: string, { migrations }: VerifyAccountDeps): Promise<Error> {
  const migration = await migrations.find(address)
  if (migration === null) return new Refused('conflict', `${address} has no migration`)
  return new CouldNotAsk(
    'no-credential',
    `the migration of ${address} is ${migration.state}: its credential is not opened`,
  )
}
