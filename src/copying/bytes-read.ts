import type { SourceBytes } from './ports.ts'

const SAVE_MS = 5_000

/** What jobs have read at sources, by person: written for all of them at once. A process that is killed leaves the last out. */
export class BytesRead implements AsyncDisposable {
  readonly #sourceBytes: SourceBytes
  readonly #timer: NodeJS.Timeout
  #unsaved = new Map<string, number>()
  #saving: Promise<void> = Promise.resolve()

  constructor(sourceBytes: SourceBytes) {
    this.#sourceBytes = sourceBytes
    this.#timer = setInterval(() => this.#save(), SAVE_MS).unref()
  }

  take(migrationId: string, bytes: number): void {
    if (bytes > 0) this.#unsaved.set(migrationId, (this.#unsaved.get(migrationId) ?? 0) + bytes)
  }

  /** Of one person, since midnight (UTC). */
  async today(migrationId: string): Promise<number> {
    await this.#saving
    const unsaved = this.#unsaved.get(migrationId) ?? 0
    return (await this.#sourceBytes.today(migrationId)) + unsaved
  }

  #save(): void {
    this.#saving = this.#saving.then(() => this.#saveNow())
  }

  async #saveNow(): Promise<void> {
    const unsaved = this.#unsaved
    if (unsaved.size === 0) return
    this.#unsaved = new Map()
    try {
      await this.#sourceBytes.add(unsaved)
    } catch {
      // The database is away: the next time tells it.
      for (const [migrationId, bytes] of unsaved) this.take(migrationId, bytes)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#save()
    await this.#saving
  }
}
