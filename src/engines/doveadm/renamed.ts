import type { SourceFolders } from '../../copying/ports.ts'

/** So often folders may be renamed while they are mirrored. */
const MOST_LOOKS = 5

/**
 * Works with the source's folders, and once more when they had other names by the time that it came to nothing: under the
 * name of before nobody finds a folder that was renamed meanwhile.
 * @param again the source's folders as they are by now
 * @param isDone whether the work came to something; missing: whenever it did not throw
 */
export async function asNamed<T>(
  first: SourceFolders,
  again: () => Promise<SourceFolders>,
  work: (source: SourceFolders) => Promise<T>,
  isDone: (done: T) => boolean = () => true,
): Promise<T> {
  let source = first
  for (let look = 1; ; look++) {
    const [tried] = await Promise.allSettled([work(source)])
    const isOver = (tried.status === 'fulfilled' && isDone(tried.value)) || look === MOST_LOOKS
    const now = isOver ? source : await again().catch(() => source)
    if (namesIn(now) !== namesIn(source)) {
      source = now
      continue
    }
    if (tried.status === 'rejected') throw tried.reason
    return tried.value
  }
}

function namesIn({ mailboxes }: SourceFolders): string {
  return JSON.stringify(mailboxes.map(({ mailbox }) => mailbox.name).sort())
}
