import { createHash } from 'node:crypto'
import { decodeName, encodeName, isInbox, type Mailbox } from '../../model/mailbox.ts'

/** What OfflineIMAP calls a migration. @throws RangeError for what is no number of one */
export function accountOf(migrationId: string): string {
  if (!/^\d{1,19}$/.test(migrationId)) {
    throw new RangeError(`not the number of a migration: ${JSON.stringify(migrationId)}`)
  }
  return `m-${migrationId}`
}

/** Bytes in a file name. */
const LONGEST = 255
/** Looks like the slash that the destination's separator leaves no room for. */
const SLASH = '\u2215'

// The pythonfile has the same names (python/postferry_offlineimap/names.py): test/vectors/names.json holds them equal.

/**
 * The directory of each mailbox in a Maildir++ that Dovecot's listescape plugin reads: unique, and the same at every
 * run. All mailboxes of a person have to be there.
 */
export function directoriesOf(mailboxes: readonly Mailbox[]): Map<string, string> {
  const candidates = mailboxes.map((mailbox) => ({ name: mailbox.name, ...levelsOf(mailbox) }))
  candidates.sort((a, b) => Number(a.changed) - Number(b.changed) || byCodePoint(a.name, b.name))
  const found = new Map<string, string>()
  const taken = new Set<string>()
  for (const { levels, name } of candidates) {
    const plain = directoryOf(levels)
    const directory = taken.has(plain) || plain.length > LONGEST ? marked(levels, name) : plain
    taken.add(directory)
    found.set(name, directory)
  }
  return found
}

/** The file that keeps what OfflineIMAP knows of a directory. */
export function statusFile(directory: string): string {
  const name = directory || 'INBOX'
  return Array.from(name).length <= 200 ? name : createHash('sha256').update(name).digest('hex')
}

/**
 * Reads the UID at the source out of the name, without flags, of a message's file in a directory. Null: OfflineIMAP has
 * not stored it there.
 */
export function sourceUids(directory: string): (file: string) => number | null {
  const mark = `FMD5=${createHash('md5').update(directory).digest('hex')}`
  return (file) => {
    const uid = file.endsWith(mark) ? /,U=(\d+),/.exec(file)?.[1] : undefined
    return uid === undefined ? null : Number(uid)
  }
}

/** The levels of a mailbox's name on the destination, and whether something in them had to be replaced. */
function levelsOf({ name, separator, prefix }: Mailbox): { levels: string[]; changed: boolean } {
  if (isInbox(name)) return { levels: [], changed: false }
  const stripped = prefix !== '' && name.startsWith(prefix) && name !== prefix ? name.slice(prefix.length) : name
  const parts = separator ? stripped.split(separator) : [stripped]
  let texts = parts.map(decodeName)
  const [first = '', ...rest] = texts
  // The destination knows the top level INBOX in one spelling only, and there it is the inbox itself.
  if (isInbox(first)) texts = rest.length === 0 || stripped !== name ? ['INBOX', ...texts] : ['INBOX', ...rest]
  const levels = texts.map(fitting)
  return { levels, changed: levels.some((level, at) => level !== texts[at]) }
}

function directoryOf(levels: readonly string[]): string {
  return levels.map((level) => `.${encodeName(escaped(level))}`).join('')
}

function fitting(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return text.replaceAll('/', SLASH).replace(/[\x00-\x1f]|\p{Cs}/gu, '\ufffd') || '_'
}

function escaped(level: string): string {
  const text = level.replace(/[.\\]/g, (character) => `\\${character.charCodeAt(0).toString(16)}`)
  return text.startsWith('~') ? `\\7e${text.slice(1)}` : text
}

/** The name, shortened where it must be, with a mark that only this mailbox has. */
function marked(levels: readonly string[], name: string): string {
  const mark = ` (${createHash('sha256').update(name).digest('hex').slice(0, 8)})`
  const parents = levels.slice(0, -1)
  let last = Array.from(levels.at(-1) ?? '')
  const candidate = () => directoryOf([...parents, last.join('') + mark])
  while (candidate().length > LONGEST) {
    if (last.length > 0) last.pop()
    else last = Array.from(parents.pop() ?? '')
  }
  return candidate()
}

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
