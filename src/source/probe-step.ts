/** One step on the way to a provider, with its result. */
export interface ProbeStep {
  readonly step: 'resolve' | 'connect' | 'tls' | 'greeting' | 'capabilities' | 'refusal'
  readonly ok: boolean
  /**
   * What was found: addresses, issuer, names, days left, …; partly in the words of the source, so not fit for a
   * terminal.
   */
  readonly found: string
  /** It was not taken: all connections to the provider are in use. */
  readonly isBusy?: true
  /** What to change when the step failed. */
  readonly remedy?: string
  /** How the provider refuses a password, where that is not known yet: to be kept as its `refusal`. */
  readonly learned?: string
  /** How long it took. */
  readonly milliseconds: number
  /** For how many whole days the source's certificate is still valid; negative: it is not any more. */
  readonly daysLeft?: number
}
