/** How far a running attempt is. */
export interface Progress {
  readonly step: 'copying' | 'proving'
  /** Of the folder at work, counted from 1. */
  readonly folder: number
  readonly folders: number
  /** Brought in this attempt so far; while it is proved, compared. */
  readonly messages: number
  /** Of so many; null: unknown. */
  readonly ofMessages: number | null
  readonly bytes: number
  /** Null: the source does not tell. */
  readonly ofBytes: number | null
  /** Of the last half minute. */
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
  /** At that pace; null: unknown. */
  readonly secondsLeft: number | null
}

interface Noted {
  readonly at: number
  readonly messages: number
  readonly bytes: number
}

const WINDOW_MS = 30_000
const LEAST_MS = 1_000

/** How fast something goes that was noted now and then; of the last half minute. */
export class Speed {
  readonly #now: () => number
  #notes: Noted[]

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#notes = [{ at: now(), messages: 0, bytes: 0 }]
  }

  /** @returns messages and bytes a second */
  note(messages: number, bytes: number): { readonly messages: number; readonly bytes: number } {
    const at = this.#now()
    this.#notes.push({ at, messages, bytes })
    const within = this.#notes.findIndex((one) => at - one.at <= WINDOW_MS)
    this.#notes = this.#notes.slice(Math.max(0, within - 1))
    const first = this.#notes[0] as Noted
    const seconds = Math.max(LEAST_MS, at - first.at) / 1000
    return { messages: (messages - first.messages) / seconds, bytes: (bytes - first.bytes) / seconds }
  }
}
