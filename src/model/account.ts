/** A login identity on the destination. */
export interface Account {
  readonly address: string
  /** Absolute path of the home on the destination. */
  readonly home: string
  readonly quotaBytes: number | null
  readonly enabled: boolean
}

/** Whose word the password is. Once it was set on the destination, the source has no say any more. */
export type PasswordSource = 'source' | 'destination'
