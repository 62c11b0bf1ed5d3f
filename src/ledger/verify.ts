import { type Ledger, NotKept } from '../model/ledger.ts'
import { codeOf, type LedgerPurpose } from '../model/ledger-code.ts'
import type { Provider } from '../model/provider.ts'
import { Comparison } from './compare-mailboxes.ts'
import type { DestinationMail, DigestCaches, EngineRecords, Ledgers, SourceMail } from './ports.ts'

/** Whose mail is compared. */
export interface VerifyOrder {
  readonly migrationId: string
  /** The account's home on the destination. */
  readonly home: string
  readonly provider: Provider
  readonly username: string
  readonly password: string
}

export interface VerifyDeps {
  readonly sourceMail: SourceMail
  readonly destinationMail: DestinationMail
  readonly engine: EngineRecords
  readonly digests: DigestCaches
  readonly ledgers: Ledgers
}

/** How far a comparison is. */
export interface VerifyProgress {
  /** Readable name of the folder at work. */
  readonly folder: string
  /** Counted from 1. */
  readonly number: number
  readonly of: number
  /** In all folders so far; what was read before counts too. */
  readonly messages: number
  readonly fetched: number
}

export interface VerifyOptions {
  /** What the ledger is for; a turn, unless it says otherwise. */
  readonly purpose?: LedgerPurpose
  /** The worker under whose lease the ledger is taken; without, a person compares. */
  readonly holder?: string
  /** All differences found now are right as they are, from now on. */
  readonly accept?: boolean
  readonly watch?: (progress: VerifyProgress) => void
  /** Stops at once; the next comparison goes on there. */
  readonly signal?: AbortSignal
}

/** Others may save a ledger while one is taken; what they have read needs no reading then. */
const TRIES = 5

/**
 * Compares the source with the destination message by message and keeps the result. What was read before and is
 * unchanged is not read again. The source is only ever read.
 * @throws CouldNotAsk without a ledger when the source cannot be asked
 * @throws NotKept when the result is not for keeping any more
 */
export async function verify(
  order: VerifyOrder,
  { sourceMail, destinationMail, engine, digests: caches, ledgers }: VerifyDeps,
  options: VerifyOptions = {},
): Promise<Ledger> {
  const started = performance.now()
  const { migrationId } = order
  const { purpose = 'job', holder = null } = options
  using digests = caches.open(migrationId)
  await using old = await sourceMail.open(order.provider, order.username, order.password, options.signal)
  for (let tries = 1; ; tries++) {
    const last = await ledgers.last(migrationId)
    const before = new Map(last.folders.map((folder) => [folder.name, folder]))
    const tree = await destinationMail.open(order.home, digests.files, engine.sourceUids)
    const comparison = new Comparison({ migrationId, old, tree, digests, engine, before, options })
    const result = await comparison.run()
    const seconds = (performance.now() - started) / 1000
    const ledger = { takenAt: new Date(), seconds, ...result, code: codeOf(result.folders, purpose) }
    const saved = await ledgers.save(migrationId, ledger, { after: last.takenAt, holder })
    if (saved === 'saved') return ledger
    if (saved === 'too-late' || tries === TRIES) throw new NotKept(saved)
  }
}
