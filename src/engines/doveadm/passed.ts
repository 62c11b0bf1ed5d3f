import type { PassedBody } from '../../copying/ports.ts'
import type { DigestCaches, KnownMessage } from '../../ledger/ports.ts'

/** So many are held in memory. */
const HELD = 1_000
const MANY = 1_500

/** What was digested on its way into the mirror: the ledger need not read it from the source again. */
export class Passed implements Disposable {
  readonly #digests: DigestCaches
  readonly #migrationId: string
  #held: PassedBody[] = []
  #count = 0
  readonly #uidValidities = new Map<string, number>()
  readonly #many = Promise.withResolvers<void>()

  constructor(digests: DigestCaches, migrationId: string) {
    this.#digests = digests
    this.#migrationId = migrationId
  }

  /** Messages that have passed. */
  get count(): number {
    return this.#count
  }

  /** Resolves when there are so many that a person would like to see some. */
  get many(): Promise<void> {
    return this.#many.promise
  }

  /** Of the mailbox from which messages have passed; missing: none has. */
  uidValidityOf(mailbox: string): number | undefined {
    return this.#uidValidities.get(mailbox)
  }

  take(body: PassedBody): void {
    this.#held.push(body)
    this.#uidValidities.set(body.mailbox, body.uidValidity)
    if (++this.#count === MANY) this.#many.resolve()
    if (this.#held.length === HELD) this.keep()
  }

  keep(): void {
    const held = this.#held
    this.#held = []
    if (held.length === 0) return
    try {
      this.#write(held)
    } catch {
      // No room, perhaps: the ledger reads them at the source.
    }
  }

  #write(held: readonly PassedBody[]): void {
    using digests = this.#digests.open(this.#migrationId)
    const folders = Map.groupBy(held, ({ mailbox, uidValidity }) => `${uidValidity} ${mailbox}`)
    for (const some of folders.values()) {
      const [{ mailbox, uidValidity }] = some as [PassedBody]
      const known = new Map(some.map(({ uid, ...body }) => [uid, body satisfies KnownMessage]))
      digests.messages.add(mailbox, uidValidity, known)
    }
  }

  [Symbol.dispose](): void {
    this.keep()
  }
}
