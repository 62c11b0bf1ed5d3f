import type { Credential } from '../keys/ports.ts'
import type { Result } from '../model/attempt.ts'
import { FILTERS_STAY } from '../model/migration.ts'
import type { Engines, Flipping, Interruption, Job } from './ports.ts'
import type { Ending } from './schedule.ts'

interface Seen {
  readonly ending: Ending
  readonly result: Result | null
}

/** What carries filters. */
export interface FilterDeps {
  readonly engine: Pick<Engines, 'choose'> & Pick<Flipping, 'carryFilters'>
  /** Null: it cannot be opened. */
  open(): Promise<Credential | null>
}

const UNREAD =
  'not finished: it is tried again, and "postferry migration finish ADDRESS --force" does not wait for filters'

/**
 * Brings the filters of somebody whose mail is here.
 * @param isLast the person is about to come here
 * @returns what the attempt has come to then: who works on the old server still is kept there by filters that cannot come
 */
export async function withFilters<S extends Seen>(
  job: Job,
  seen: S,
  isLast: boolean,
  { engine, open }: FilterDeps,
  signal: AbortSignal,
): Promise<S> {
  const { order, moving, isFinishRequested } = job
  if (order.provider.filters === 'leave' || !(isLast || seen.ending === 'complete')) return seen
  if ((await engine.choose(order)) !== 'doveadm') return seen
  const credential = await open()
  if (credential === null) return seen
  const isUrgent = isLast || isFinishRequested || moving?.isJustFlipped === true
  try {
    const { flaw, told, isUnread = false } = await engine.carryFilters(order, credential, isUrgent, signal)
    const isKept = flaw !== null && moving?.route === 'source' && !moving.areFiltersLeft
    const lines = [...told, ...(flaw === null ? [] : [flaw])]
    if (isKept) return ended(seen, FILTERS_STAY, lines)
    // With the end of it the credential goes, and nobody can ask any more.
    if (isUnread && isFinishRequested && !moving?.areFiltersLeft) return ended(seen, 'incomplete', [...lines, UNREAD])
    return lines.length === 0 ? seen : ended(seen, seen.ending, lines)
  } catch (error) {
    if (!signal.aborted) throw error
    return ended(seen, signal.reason as Interruption, [])
  }
}

/** What an attempt has come to, with more to tell. */
export function ended<S extends Seen>(seen: S, ending: Ending, lines: readonly string[]): S {
  const { folders = 0, messages = 0, output = '', outcome = 'complete' } = seen.result ?? {}
  const text = [output, ...lines].join('\n').trim()
  const result = { ...seen.result, folders, messages, output: text, outcome: ending === 'unchanged' ? outcome : ending }
  return { ...seen, ending, result }
}
