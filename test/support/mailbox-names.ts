import { createHash } from 'node:crypto'

/**
 * A mailbox of the source as its LIST and NAMESPACE name it: modified UTF-7, separator, prefix of its personal
 * namespace.
 */
export interface SourceName {
  name: string
  separator: string | null
  prefix: string
}

/** Modified UTF-7 (RFC 3501, section 5.1.3). */
export function encodeName(text: string): string {
  return text.replace(/[^ -~]+|&/g, (run) => {
    if (run === '&') return '&-'
    const base64 = Buffer.from(run, 'utf16le').swap16().toString('base64')
    return `&${base64.replace(/=+$/, '').replaceAll('/', ',')}-`
  })
}

/** @returns the name as it stands when it is not modified UTF-7 as it should be */
export function decodeName(name: string): string {
  const text = name.replace(/&([^-]*)-/g, (_, run: string) => {
    const bytes = Buffer.from(run.replaceAll(',', '/'), 'base64')
    return run === ''
      ? '&'
      : bytes
          .subarray(0, bytes.length & ~1)
          .swap16()
          .toString('utf16le')
  })
  return text.isWellFormed() && encodeName(text) === name ? text : name
}

/** What each of the source's mailboxes is called on the destination, whose separator is `/`; both in modified UTF-7. */
export function namesOnNew(mailboxes: SourceName[]): Map<string, string> {
  const candidates = mailboxes.map((mailbox) => {
    const levels = levelsOnNew(mailbox)
    return { name: mailbox.name, levels, changed: levels.some((level) => level !== fitting(level)) }
  })
  candidates.sort((a, b) => Number(a.changed) - Number(b.changed) || (a.name < b.name ? -1 : 1))
  const names = new Map<string, string>()
  const taken = new Set<string>()
  for (const { name, levels } of candidates) {
    const fit = levels.map(fitting)
    const clear = !taken.has(wire(fit)) && directoryLength(fit) <= 255
    const unique = clear ? fit : marked(fit, name)
    taken.add(wire(unique))
    names.set(name, wire(unique))
  }
  return names
}

function levelsOnNew({ name, separator, prefix }: SourceName): string[] {
  if (isInbox(name)) return ['INBOX']
  const stripped = prefix && name.startsWith(prefix) && name !== prefix ? name.slice(prefix.length) : name
  const levels = (separator ? stripped.split(separator) : [stripped]).map(decodeName)
  const [first = '', ...rest] = levels
  if (!isInbox(first)) return levels
  return rest.length === 0 || stripped !== name ? ['INBOX', ...levels] : ['INBOX', ...rest]
}

/** The destination has no room for its own separator, for control characters and for nothing. */
function fitting(level: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return level.replaceAll('/', '\u2215').replace(/[\x00-\x1f]/g, '\ufffd') || '_'
}

function marked(levels: string[], name: string): string[] {
  const mark = ` (${createHash('sha256').update(name).digest('hex').slice(0, 8)})`
  const parents = levels.slice(0, -1)
  let last = Array.from(levels.at(-1) ?? '')
  const candidate = () => [...parents, last.join('') + mark]
  while (directoryLength(candidate()) > 255) {
    if (last.length > 0) last = last.slice(0, -1)
    else last = Array.from(parents.pop() ?? '')
  }
  return candidate()
}

/** Of the Maildir++ directory: listescape writes some characters as three. */
function directoryLength(levels: string[]): number {
  return levels.reduce((sum, level) => sum + 1 + encodeName(level.replace(/[.\\]|^~/g, '   ')).length, 0)
}

function wire(levels: string[]): string {
  return levels.map(encodeName).join('/')
}

function isInbox(text: string): boolean {
  return /^inbox$/i.test(text)
}
