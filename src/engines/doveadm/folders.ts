import type { SourceFolders } from '../../copying/ports.ts'
import type { Namespace } from '../../model/account.ts'
import { decodeName, isInbox, type Mailbox, titleOf } from '../../model/mailbox.ts'
import type { Shown } from './both.ts'
import type { Numbered } from './merged.ts'

/** A folder of the source in the mirror, and where it goes. */
export interface MergeFolder extends Numbered {
  readonly mailbox: Mailbox
  /** In the mailbox in use. */
  readonly name: string
  /** Its name in the mirror. */
  readonly from: string
  /** The flags and keywords of its messages by UID. */
  readonly messages: ReadonlyMap<number, readonly string[]>
}

/** What is in the mirror. */
export interface Mirrored {
  readonly folders: ReadonlyMap<string, Shown>
  /** By the folder's name. */
  readonly messages: ReadonlyMap<string, MergeFolder['messages']>
}

/** How the names of the source's folders are used. */
export interface Names {
  /** By the source's name. */
  readonly directories: ReadonlyMap<string, string>
  /** Before folders with a role got their place; missing: none did. */
  readonly own?: ReadonlyMap<string, string>
  /** What doveadm calls a directory. */
  titleOf(directory: string): string
}

export interface Matched {
  readonly folders: readonly MergeFolder[]
  /** What people read for those that the mirror lacks. */
  readonly missing: readonly string[]
}

/** Finds the wanted folders of the source in the mirror. */
export function matched(
  { mailboxes }: SourceFolders,
  mirror: Mirrored,
  { directories, own = directories, titleOf: nameOf }: Names,
): Matched {
  const folders: MergeFolder[] = []
  const missing: string[] = []
  const changed = Map.groupBy(mailboxes, ({ mailbox }) => withoutSlashes(mailbox))
  for (const { mailbox } of mailboxes.filter(({ wanted }) => wanted)) {
    const directory = directories.get(mailbox.name) ?? ''
    const name = nameOf(directory)
    const other = withoutSlashes(mailbox)
    const isOnly = changed.get(other)?.length === 1
    const found =
      mirror.folders.get(nameOf(own.get(mailbox.name) ?? '')) ?? (isOnly ? mirror.folders.get(other) : undefined)
    if (found === undefined) missing.push(titleOf(mailbox))
    else {
      const messages = mirror.messages.get(found.name) ?? new Map()
      folders.push({ mailbox, directory, name, from: found.name, uidValidity: found.uidValidity, messages })
    }
  }
  return { folders, missing }
}

/**
 * Why a mirror cannot take the mailbox's place: a folder that it cannot have, or has in another directory than later copies
 * look for; null: it can.
 */
export function unfit({ folders, missing }: Matched): string | null {
  const misnamed = folders.filter(({ name, from }) => name !== from)
  const names = [...missing, ...misnamed.map(({ mailbox }) => titleOf(mailbox))]
  if (names.length === 0) return null
  return `doveadm cannot keep ${names.join(', ')} as the old server has it: exclude it, or have it renamed there`
}

/** As doveadm names it, for whom a slash separates levels. */
function withoutSlashes(mailbox: Mailbox): string {
  return levelsOf(mailbox)
    .map((level) => level.replaceAll('/', '_'))
    .join('/')
}

/**
 * The names that doveadm leaves out of the mirror: what is not wanted, what is not the person's own, and what would stop
 * it altogether.
 */
export function leftOut({ mailboxes, foreign }: SourceFolders): string[] {
  const some = mailboxes.filter(({ mailbox, wanted }) => !wanted || isBelowSecondInbox(mailbox))
  return [...some.map(({ mailbox }) => mailbox), ...foreign].map((mailbox) => {
    const [first = '', ...rest] = levelsOf(mailbox)
    return [isInbox(first) && rest.length > 0 ? 'INBOX' : first, ...rest].join('/')
  })
}

/** The source's names of what a mirror takes that is not there yet, in the order in which doveadm fills it. */
export function inMirrorsOrder({ mailboxes }: SourceFolders): string[] {
  const some = mailboxes.filter(({ mailbox, wanted }) => wanted && !isBelowSecondInbox(mailbox))
  const all = some.map(({ mailbox }) => ({ name: mailbox.name, levels: withoutSlashes(mailbox).split('/') }))
  return all.sort((a, b) => compareLevels(a.levels, b.levels)).map(({ name }) => name)
}

/** As bytes, and parents before their children. */
function compareLevels(some: readonly string[], others: readonly string[]): number {
  const at = some.findIndex((level, at) => level !== others[at])
  if (at < 0) return some.length - others.length
  return Buffer.compare(Buffer.from(some[at] ?? ''), Buffer.from(others[at] ?? ''))
}

/** `INBOX.inbox.child`, where all folders are below `INBOX.`: doveadm looks for it below the INBOX itself. */
function isBelowSecondInbox(mailbox: Mailbox): boolean {
  const [first = '', ...rest] = levelsOf(mailbox)
  return isInbox(first) && rest.length > 0 && mailbox.name.startsWith(mailbox.prefix) && mailbox.prefix !== ''
}

function levelsOf({ name, prefix, separator }: Mailbox): string[] {
  const stripped = name.startsWith(prefix) ? name.slice(prefix.length) : name
  return (separator === null || separator === '' ? [stripped] : stripped.split(separator)).map(decodeName)
}

/** The prefix that all folders but the INBOX have, without the separator at its end: with it doveadm panics. */
export function listPrefix({ mailboxes }: SourceFolders): string {
  const prefixes = new Set(
    mailboxes
      .map(({ mailbox }) => mailbox)
      .filter(({ name }) => name !== 'INBOX')
      .map(prefixOf),
  )
  return prefixes.size === 1 ? ([...prefixes][0] ?? '') : ''
}

function prefixOf({ prefix, separator }: Mailbox): string {
  return separator !== null && separator !== '' && prefix.endsWith(separator)
    ? prefix.slice(0, -separator.length)
    : prefix
}

/**
 * What the source calls folders, of whom has none but the INBOX those that she will have: null where it is as here, or not
 * the same for all.
 */
export function namespaceOf({ mailboxes, namespace = null }: SourceFolders): Namespace | null {
  const others = mailboxes.map(({ mailbox }) => mailbox).filter(({ name }) => name !== 'INBOX')
  const all = new Map(
    others.map(({ prefix, separator }) => [JSON.stringify([prefix, separator]), { prefix, separator }]),
  )
  const [only] = others.length === 0 ? [namespace ?? undefined] : all.size === 1 ? all.values() : []
  if (only === undefined || only.separator?.length !== 1 || others.some(({ name }) => !name.startsWith(only.prefix)))
    return null
  const { prefix, separator } = only
  return prefix === '' && separator === '/' ? null : { prefix, separator }
}
