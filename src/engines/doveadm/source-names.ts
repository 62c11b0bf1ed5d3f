import type { SourceFolders } from '../../copying/ports.ts'
import { encodeName } from '../../model/mailbox.ts'
import { NotFlipped } from '../../model/not-flipped.ts'
import type { DoveadmDeps } from './engine.ts'

/** The names of the source's wanted folders by what people read of them here. */
export function titlesOf(
  { mailboxes }: SourceFolders,
  { shared, destination }: Pick<DoveadmDeps, 'shared' | 'destination'>,
): Map<string, string> {
  const directories = shared.directoriesOf(mailboxes.map(({ mailbox }) => mailbox))
  const wanted = mailboxes.filter(({ wanted }) => wanted)
  return new Map(wanted.map(({ mailbox: { name } }) => [destination.titleOf(directories.get(name) ?? ''), name]))
}

/** What the source would call a folder of that name. @throws NotFlipped when it has no such names */
export function nameFor(title: string, { mailboxes, namespace = null }: SourceFolders): string {
  const all = mailboxes.map(({ mailbox }) => mailbox)
  const { separator = null, prefix = '' } = all.find(({ name }) => name !== 'INBOX') ?? namespace ?? all[0] ?? {}
  const levels = title.split('/')
  if (separator === null && levels.length > 1)
    throw new NotFlipped(`${title}: the old server has no folders in folders`)
  if (separator !== null && levels.some((level) => level.includes(separator)))
    throw new NotFlipped(`${title}: the old server takes a ${separator} in a name for another level`)
  return `${prefix}${levels.map(encodeName).join(separator ?? '')}`
}
