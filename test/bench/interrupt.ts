const interruption = new AbortController()

/**
 * Aborted when the measurement is to end: whoever waits gives up, so that everything is stopped and removed as usual.
 */
export const interrupted = interruption.signal

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)))
}
