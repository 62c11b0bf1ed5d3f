/** A login identity on NEW. */
export interface Account {
  readonly address: string
  /** Absolute path of the home on NEW. */
  readonly home: string
  readonly quotaBytes: number | null
  readonly enabled: boolean
}

/** Whose word the password is. Once it was set on NEW, OLD has no say any more. */
export type PasswordSource = 'old' | 'new'
