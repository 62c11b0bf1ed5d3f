// What is not kept for ever.

export const ERASABLE = ['audit', 'attempts', 'steps', 'ledgers', 'credentials'] as const
export type Erasable = (typeof ERASABLE)[number]

/** For how many days each is kept; 0: for ever. */
export type Periods = Readonly<Record<Erasable, number>>

/** What was erased so far of one kind. */
export interface Erased {
  readonly what: Erasable
  /** For how many days it is kept, as the last worker that looked was told. */
  readonly days: number
  readonly lookedAt: Date
  /** Rows, all in all. */
  readonly erased: number
}

/** Credentials of people who never finish, which are erased before long. */
export interface Expiring {
  readonly people: number
  /** The first of them; null: there are none. */
  readonly at: Date | null
  /** Some of their addresses, those that go first. */
  readonly addresses: readonly string[]
}
