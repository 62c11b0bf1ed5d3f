import type { Numbered } from './merged.ts'

/** A message of the mirror that no note calls merged. */
export interface Candidate extends Numbered {
  readonly uid: number
  readonly digest: string
  /** When an import of it was begun: the UID that its folder would have given next. Missing: none was. */
  readonly uidNext?: number | undefined
}

/** A message of the mailbox in use. */
export interface Present {
  readonly directory: string
  readonly uid: number
  readonly digest: string
}

/**
 * Of the candidates those that the mailbox in use has already, wherever the person has put them: each one there stands
 * for one message of the source. What was merged before has the first claim, so that two of a kind stay two.
 * @param merged the digests of the mirror's merged messages
 */
export function alreadyThere<C extends Candidate>(
  candidates: readonly C[],
  present: readonly Present[],
  merged: Iterable<string>,
): Set<C> {
  const free = Map.groupBy(present, ({ digest }) => digest)
  const take = ({ digest }: Pick<Present, 'digest'>, fits: (one: Present) => boolean): boolean => {
    const all = free.get(digest) ?? []
    return all.splice(all.findIndex(fits) >>> 0, 1).length > 0
  }
  // What an import has brought that was cut off before its note.
  const found = new Set(
    candidates.filter((one) => {
      const { directory, uidNext } = one
      return uidNext !== undefined && take(one, (other) => other.directory === directory && other.uid >= uidNext)
    }),
  )
  for (const digest of merged) take({ digest }, () => true)
  for (const one of candidates) if (!found.has(one) && take(one, () => true)) found.add(one)
  return found
}
