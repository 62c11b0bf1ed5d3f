import { hostname } from 'node:os'
import type { Keyring } from '../keys/open-credential.ts'
import { type VerifyDeps, type VerifyOptions, type VerifyOrder, verify } from '../ledger/verify.ts'
import { Type } from '../model/json-schema.ts'
import { CouldNotAsk, type Ledger } from '../model/ledger.ts'
import { accept, type Migration } from '../model/migration.ts'
import type { Budget } from '../source/budget.ts'
import { differenceRow, ledgerRow } from './ledger-rows.ts'
import { Difference as DifferenceSchema, Ledger as LedgerSchema } from './migration-schemas.ts'
import { type Answer, flag, operation } from './operation.ts'
import { migration as person } from './person.ts'
import type { Credentials, Migrations } from './ports.ts'
import { listOf, Text, the } from './schema.ts'

/** So long a connection to the source is waited for. */
const CONNECTION_LIMIT_MS = 60_000

interface Deps extends VerifyDeps {
  readonly migrations: Pick<Migrations, 'orderOf' | 'take'>
  readonly credentials: Pick<Credentials, 'handOut'>
  readonly budget: Pick<Budget, 'take'>
  /** Opened on the copying host only. */
  keyring(): Promise<Keyring>
}

/** A ledger that was made and kept, and whose it is. */
export interface Verified {
  readonly migration: Migration
  readonly ledger: Ledger
}

const ANSWER: Answer<Verified> = {
  schema: Type.Object({ address: Text, ...LedgerSchema.properties, differences: listOf(the(DifferenceSchema)) }),
  row: ({ migration: { address }, ledger }) => {
    return { address, ...ledgerRow(ledger), differences: ledger.differences.map(differenceRow) }
  },
}

/**
 * Compares a person's mail at the source and the destination, and keeps the result. A migration whose differences are
 * accepted is due. The operation throws CouldNotAsk when the source cannot be asked, or there is no credential for it.
 * @param options what is to be told meanwhile
 */
export function verifying(options: Omit<VerifyOptions, 'accept'> = {}) {
  return operation({
    ...{ name: 'migration.verify', permission: 'operate' },
    summary: 'Compare the mail of a person on both servers, message by message; run it on the copying host',
    fields: { address: person, accept: flag('accept everything that differs now as right') },
    answer: ANSWER,
    async run({ address: migration, accept: accepts = false }, deps: Deps, by): Promise<Verified> {
      const ledger = await withConnection(await orderOf(migration, deps), deps, { ...options, accept: accepts })
      if (accepts) await deps.migrations.take(migration.address, accept, { ...by, action: 'migration.accept' })
      return { migration, ledger }
    },
  })
}

async function withConnection(order: VerifyOrder, deps: Deps, options: VerifyOptions) {
  const stop = options.signal ?? new AbortController().signal
  const patience = { limitMs: CONNECTION_LIMIT_MS, signal: stop }
  using connection = await deps.budget.take(order.provider.name, 'copying', patience)
  if (connection === null)
    throw new CouldNotAsk('old-busy', 'all connections that copying may have are in use: try again')
  try {
    return await verify(order, deps, { ...options, signal: AbortSignal.any([stop, connection.signal]) })
  } catch (error) {
    if (stop.aborted || !connection.signal.aborted) throw error
    throw new CouldNotAsk('old-busy', 'sign-ins need the connection: try again', error)
  }
}

async function orderOf({ address, state }: Migration, deps: Deps): Promise<VerifyOrder> {
  const order = await deps.migrations.orderOf(address)
  if (order === null) {
    throw new CouldNotAsk('no-credential', `the migration of ${address} is ${state}: its credential is not opened`)
  }
  const { id, home, provider, isMirrored = false } = order
  const whose = { migrationId: id, address, home, provider, isMirrored }
  const [sealed] = await deps.credentials.handOut([id], `verify on ${hostname()}`)
  if (sealed === undefined) throw new CouldNotAsk('no-credential', `no credential of ${address} is kept`)
  const keyring = await deps.keyring()
  const { credential, refused, why } = await keyring.open(sealed)
  if (refused !== undefined) {
    throw new CouldNotAsk(refused === 'endpoint-changed' ? refused : 'no-credential', `${address}: ${why}`)
  }
  const { username, password } = credential
  return { ...whose, username, password }
}
