import type { Verdict } from '../model/verdict.ts'

/** Calls back when nobody waits for the answer any more. */
export type OnGone = (gone: () => void) => void

type Decide = (signal: AbortSignal) => Promise<Verdict>
interface Decision {
  readonly verdict: Promise<Verdict>
  readonly stop: AbortController
  waiting: number
}

/**
 * Decides identical logins that arrive together once: a mail client opens several connections at the same moment. The
 * whole decision is shared, its writing included, so that who comes later finds the account. When the last one who
 * waits has gone, the decision's signal aborts.
 */
export function coalesce(): (key: string, onGone: OnGone, decide: Decide) => Promise<Verdict> {
  const inFlight = new Map<string, Decision>()

  function begin(key: string, decide: Decide): Decision {
    const stop = new AbortController()
    const verdict = decide(stop.signal).finally(() => forget(key, decision))
    const decision: Decision = { verdict, stop, waiting: 0 }
    inFlight.set(key, decision)
    return decision
  }

  function forget(key: string, decision: Decision): void {
    if (inFlight.get(key) === decision) inFlight.delete(key)
  }

  return (key, onGone, decide) => {
    const decision = inFlight.get(key) ?? begin(key, decide)
    decision.waiting++
    onGone(() => {
      if (--decision.waiting > 0) return
      // Whoever asks from now on gets a decision that nobody stopped.
      forget(key, decision)
      decision.stop.abort()
    })
    return decision.verdict
  }
}
