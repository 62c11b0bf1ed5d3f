/** SIGHUP: the terminal is closed, or its connection is lost. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** Resolves when somebody wants this process to end, with the signal. */
export function stopped(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of SIGNALS) process.once(signal, resolve)
  })
}

/** Aborted when somebody wants the command to end. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  stopped().then(() => stop.abort())
  return stop.signal
}
