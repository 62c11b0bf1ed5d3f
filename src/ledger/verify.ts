import { type Ledger, NotKept } from '../model/ledger.ts'
import { codeOf, type LedgerPurpose } from '../model/ledger-code.ts'
import { mirrorIn } from '../model/mirror.ts'
import type { Provider } from '../model/provider.ts'
import { Comparison } from './compare-mailboxes.ts'
import type { DestinationMail, DigestCaches, EngineRecords, Ledgers, SourceMail } from './ports.ts'

/** Whose mail is compared. */
export interface VerifyOrder {
  readonly migrationId: string
  /** What the destination calls the person. Missing: where mail lies does not depend on it. */
  readonly address?: string
  /** The account's home on the destination. */
  readonly home: string
  readonly provider: Provider
  /** The mirror beside the mailbox is compared. */
  readonly isMirrored?: boolean
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

/** How far a comparison has come. */
export interface VerifyProgress {
  /** The folder that is compared now, as people read its name. */
  readonly folder: string
  /** Counted from 1. */
  readonly number: number
  readonly of: number
  /** In all folders so far, cached digests included. */
  readonly messages: number
  readonly fetched: number
}

export interface VerifyOptions {
  /** What the ledger is for. Default: a job. */
  readonly purpose?: LedgerPurpose
  /** The worker under whose lease the ledger is taken. Default: none, a person compares. */
  readonly holder?: string
  /** From now on, all differences that are found now are right as they are. */
  readonly accept?: boolean
  readonly watch?: (progress: VerifyProgress) => void
  /** Aborted: no more is read at the source; the next comparison continues from there. */
  readonly spent?: AbortSignal
  /** Aborted: stops at once; the next comparison continues from there. */
  readonly signal?: AbortSignal
}

/** Others may save a ledger while one is taken; what has been read by then is cached. */
const TRIES = 5

/**
 * Compares the source with the destination message by message and keeps the result. What is cached and unchanged is not
 * read again. The source is only ever read.
 * @throws CouldNotAsk without a ledger when the source cannot be asked
 * @throws NotKept when the result may no longer be kept
 */
export async function verify(
  order: VerifyOrder,
  { sourceMail, destinationMail, engine, digests: caches, ledgers }: VerifyDeps,
  options: VerifyOptions = {},
): Promise<Ledger> {
  const started = performance.now()
  const { migrationId } = order
  const { purpose = 'job', holder = null } = options
  const home = order.isMirrored ? mirrorIn(order.home) : order.home
  using digests = caches.open(migrationId)
  await using source = await sourceMail.open(order.provider, order.username, order.password, options.signal)
  for (let tries = 1; ; tries++) {
    const last = await ledgers.last(migrationId)
    const lastFolders = new Map(last.folders.map((folder) => [folder.name, folder]))
    const { sourceUids } = engine
    const destination = await destinationMail.open(home, digests.files, sourceUids, order.address, options.signal)
    await using _ = { [Symbol.asyncDispose]: async () => await destination.close?.() }
    const comparison = new Comparison({
      migrationId,
      whose: order,
      source,
      destination,
      digests,
      engine,
      lastFolders,
      options,
    })
    const result = await comparison.run()
    options.signal?.throwIfAborted()
    const seconds = (performance.now() - started) / 1000
    const ledger = { takenAt: new Date(), seconds, ...result, code: codeOf(result.folders, purpose) }
    const saved = await ledgers.save(migrationId, ledger, { after: last.takenAt, holder })
    if (saved === 'saved') return ledger
    if (saved === 'too-late' || tries === TRIES) throw new NotKept(saved)
  }
}
