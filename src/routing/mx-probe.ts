import type { Provider } from '../model/provider.ts'

/** One step of a probe of an MX, with its result. */
export interface MxStep {
  readonly step: 'connect' | 'greeting' | 'capabilities' | 'tls' | 'sender' | 'stranger'
  readonly ok: boolean
  /** Partly in the words of the server, so not fit for a terminal. */
  readonly found: string
  /** What to do or to set. */
  readonly remedy?: string
  readonly milliseconds: number
  /** Whole days until its certificate expires; negative: it has expired. */
  readonly daysLeft?: number
  /** How large a message may be that it takes, in bytes; missing: it names no limit. */
  readonly size?: number
}

export interface MxQuestion {
  readonly provider: Provider
  /** Its `mx`. */
  readonly host: string
  /** Whose message it would be. */
  readonly sender: string
  /** An address that nobody has. */
  readonly stranger: string
  /** It has to take addresses in a renamed domain, which it is told both ways. */
  readonly isRenamed: boolean
}

/** Goes to an MX step by step, up to the first that fails, and hands no message over. */
export type ProbeMx = (question: MxQuestion) => AsyncIterable<MxStep>
