/** One connection that questions are asked on, one after the other. */
export interface Lane {
  /** Asks about the person of that number; `answered` is called with what came back. */
  ask(person: number, answered: (outcome: string) => void): void
}

/** Who signs in. */
export interface Person {
  readonly username: string
  readonly password: string
}

/** Could not ask: whatever is neither yes nor no, a connection that was turned away too, is that to Dovecot. */
export function isLater(outcome: string): boolean {
  return !['200', '401 ', '403 '].includes(outcome)
}
