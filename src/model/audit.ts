/** Who changes something, and why. */
export interface By {
  /** `person` for a sign-in, else an interface and a name: `cli:root`. */
  readonly actor: string
  readonly reason: string | null
}

/** A sign-in changes something. */
export const PERSON: By = { actor: 'person', reason: null }

/** A change by somebody, by its name in the audit; the detail is for people, and never a secret. */
export interface Change extends By {
  readonly action: string
  readonly detail?: string
}

/** A change as it was written down. */
export interface AuditEntry {
  readonly at: Date
  readonly actor: string
  readonly action: string
  /** An address, or the name of a provider, a domain, an administrator, a host or a key. */
  readonly subject: string
  readonly reason: string | null
  readonly detail: string | null
}
