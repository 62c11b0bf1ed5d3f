/** SIGHUP: the terminal is closed, or its connection is lost. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/**
 * Resolves when somebody wants this process to end, with the signal. From the call on, none of them ends it by itself: a
 * closed terminal, timeout(1), and npm on a terminal send theirs twice, and what is being left must be left in order.
 */
export function stopped(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of SIGNALS) process.on(signal, resolve)
  })
}

/** Aborted when somebody wants the command to end. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  stopped().then(() => stop.abort())
  return stop.signal
}
