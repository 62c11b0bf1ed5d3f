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
  /** The same for those that the mirror has and that are not wanted: others have names like theirs. */
  readonly spared: readonly string[]
}

/** Finds the wanted folders of the source in the mirror. */
export function matched(
  source: SourceFolders,
  mirror: Mirrored,
  { directories, own = directories, titleOf: nameOf }: Names,
): Matched {
  const { mailboxes } = source
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
  return { folders, missing, spared: maskable(source).spared.map(titleOf) }
}

/**
 * Why a mirror cannot take the mailbox's place: a folder that it cannot have, or has in another directory than later copies
 * look for; null: it can.
 */
export function unfit({ folders, missing, spared }: Matched): string | null {
  if (spared.length > 0)
    return `doveadm cannot leave out ${spared.join(', ')} without others that are called alike: exclude these, too, or have them renamed there`
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
 * Masks for what doveadm leaves out of the mirror: what is not wanted, what is not the person's own, and what would stop
 * it altogether.
 */
export function leftOut(source: SourceFolders): string[] {
  return maskable(source).masks
}

/** What of that no mask names alone, stays in the mirror. */
function maskable(source: SourceFolders): { readonly masks: string[]; readonly spared: Mailbox[] } {
  const { mailboxes, foreign } = source
  const some = mailboxes.filter(({ mailbox, wanted }) => !wanted || isBelowSecondInbox(mailbox))
  const others = mailboxes.filter(({ mailbox, wanted }) => wanted && !isBelowSecondInbox(mailbox))
  const names = others.map(({ mailbox }) => Buffer.from(withoutSlashes(mailbox)))
  const all = [...some.map(({ mailbox }) => mailbox), ...foreign].map((mailbox) => ({ mailbox, mask: maskOf(mailbox) }))
  const isSpared = ({ mask }: { mask: string }) => mask.includes('?') && names.some((name) => fits(mask, name))
  return {
    masks: all.filter((one) => !isSpared(one)).map(({ mask }) => mask),
    spared: all.filter(isSpared).map(({ mailbox }) => mailbox),
  }
}

/**
 * A name for `doveadm backup -x`: `*` and `?` stand for others there, and what begins with a backslash for a role. Nothing
 * quotes them.
 */
function maskOf(mailbox: Mailbox): string {
  const [first = '', ...rest] = levelsOf(mailbox)
  const levels = [isInbox(first) && rest.length > 0 ? 'INBOX' : first, ...rest]
  return levels
    .map((level) => level.replace(/[*/]/g, '?'))
    .join('/')
    .replace(/^\\/, '?')
}

/** Byte for byte. */
function fits(mask: string, name: Buffer): boolean {
  const bytes = Buffer.from(mask)
  return bytes.length === name.length && bytes.every((byte, at) => byte === ANY || byte === name[at])
}

const ANY = '?'.charCodeAt(0)

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
