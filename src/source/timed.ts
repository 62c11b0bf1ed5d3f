import type { Effort, Time } from './ports.ts'

type Work = (...args: unknown[]) => Promise<unknown>

/** The same port, with the time of each call noted. */
export function timed<T extends object>(port: T, effort: Effort, time: Time): T {
  const methods = Object.entries(port as Record<string, Work>)
  return Object.fromEntries(
    methods.map(([name, method]) => [name, (...args: unknown[]) => time(effort, () => method(...args))]),
  ) as T
}
