import type { Socket } from 'node:net'
import type { Provider } from '../../model/provider.ts'

/** Where a probe has got to. */
export interface Way {
  readonly provider: Provider
  addresses: readonly string[]
  /** Not connected before the step that connects. */
  socket: Socket
  /** For how many whole days the certificate that was seen is still valid. */
  daysLeft?: number
  /** Aborted when the probe is over. */
  readonly signal: AbortSignal
}

/** Takes one step, and says what was found. @throws ProbeFailure or whatever the network throws */
export type Take = (way: Way) => Promise<string>

/** A step failed, for a reason that has a remedy. */
export class ProbeFailure extends Error {
  readonly remedy: string

  constructor(found: string, remedy: string) {
    super(found)
    this.remedy = remedy
  }
}
