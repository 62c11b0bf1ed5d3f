import { createHash } from 'node:crypto'
import { type ImapAccount, ImapWire, type Response } from './imap-wire.ts'
import { decodeName, namesOnNew, type SourceName } from './mailbox-names.ts'

/**
 * One of the source's mailboxes against the one on the destination. All numbers but `extra` count the source's
 * messages.
 */
export interface FolderComparison {
  /** Readable, with the source's separator and prefix. */
  old: string
  /** Readable, with `/`. */
  new: string
  /** Whether the destination has it. */
  there: boolean
  messages: number
  /** Not on the destination in any form. */
  missing: number
  /** On the destination under the same Message-ID, with other bytes. */
  altered: number
  /** Same bytes, another INTERNALDATE. */
  dates: number
  /** Same bytes, other system flags (\Seen, \Answered, \Flagged, \Deleted, \Draft). */
  flags: number
  /** Messages on the destination that source does not have. */
  extra: number
  /** What is wrong, a line per message, twenty at most. */
  remarks: string[]
}

export interface Comparison {
  /** In the order of the source's names. */
  folders: FolderComparison[]
  total: Record<'messages' | 'missing' | 'altered' | 'dates' | 'flags' | 'extra', number>
  /** Mailboxes of the destination, readable, that hold messages and have none at the source. */
  onlyOnNew: string[]
  /** Every mailbox and message of the source is on the destination with its bytes, date and system flags. */
  complete: boolean
}

interface Message {
  uid: string
  hash: string
  messageId: string
  /** Milliseconds since 1970; NaN when it cannot be read. */
  date: number
  flags: string
}

/** Reads both accounts completely, changing nothing, and compares them byte for byte. */
export async function compareAccounts(old: ImapAccount, now: ImapAccount): Promise<Comparison> {
  await using oldWire = await ImapWire.open(old)
  await using newWire = await ImapWire.open(now)
  const oldNames = await listMailboxes(oldWire)
  const newNames = new Set((await listMailboxes(newWire)).map(({ name }) => name))
  const mapped = namesOnNew(oldNames)
  const folders: FolderComparison[] = []
  for (const { name } of oldNames.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const target = mapped.get(name) ?? name
    const there = newNames.delete(target)
    const atSource = await readMailbox(oldWire, name)
    const onNew = there ? await readMailbox(newWire, target) : []
    folders.push({ old: decodeName(name), new: decodeName(target), there, ...compareMessages(atSource, onNew) })
  }
  const onlyOnNew: string[] = []
  for (const name of newNames) if ((await readMailbox(newWire, name)).length > 0) onlyOnNew.push(decodeName(name))
  return { folders, total: totalOf(folders), onlyOnNew, complete: folders.every(isComplete) }
}

function isComplete(folder: FolderComparison): boolean {
  return folder.there && folder.missing + folder.altered + folder.dates + folder.flags === 0
}

function totalOf(folders: FolderComparison[]): Comparison['total'] {
  const total = { messages: 0, missing: 0, altered: 0, dates: 0, flags: 0, extra: 0 }
  for (const folder of folders) {
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += folder[key]
  }
  return total
}

/** The person's mailboxes that can be opened. */
export async function listMailboxes(wire: ImapWire): Promise<SourceName[]> {
  const space = (await wire.command('NAMESPACE')).find(({ line }) => line.startsWith('* NAMESPACE'))
  const prefix = /^\* NAMESPACE \(\("((?:[^"\\]|\\.)*)"/.exec(space?.line ?? '')?.[1] ?? ''
  const found: SourceName[] = []
  for (const response of await wire.command('LIST "" "*"')) {
    const match = /^\* LIST \(([^)]*)\) ("\\?."|NIL) (.*)$/.exec(response.line)
    if (!match || /\\(Noselect|NonExistent)/i.test(match[1] ?? '')) continue
    const name = nameOf(match[3] ?? '', response.literals)
    const separator = match[2] === 'NIL' ? null : ((match[2] ?? '').at(-2) as string)
    found.push({ name, separator, prefix: name.startsWith(prefix) ? prefix : '' })
  }
  return found
}

function nameOf(text: string, literals: Buffer[]): string {
  if (literals[0]) return literals[0].toString()
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text
}

async function readMailbox(wire: ImapWire, name: string): Promise<Message[]> {
  const opened = await wire.command('EXAMINE ', Buffer.from(name))
  if (opened.some(({ line }) => line === '* 0 EXISTS')) return []
  const responses = await wire.command('FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])')
  return responses.filter(({ line }) => / FETCH \(/.test(line)).map(messageOf)
}

function messageOf({ line, literals }: Response): Message {
  const body = literals[0] ?? Buffer.alloc(0)
  const head = body.toString('latin1', 0, 20_000).split('\r\n\r\n', 1)[0]
  return {
    uid: /UID (\d+)/.exec(line)?.[1] ?? '',
    hash: createHash('sha256').update(body).digest('hex'),
    messageId: /^message-id:\s*(\S.*)/im.exec(head ?? '')?.[1]?.trim() ?? '',
    date: instantOf(line),
    flags: (line.match(/\\(?:Seen|Answered|Flagged|Deleted|Draft)/gi) ?? []).sort().join(' '),
  }
}

function instantOf(line: string): number {
  const [, day, month, year, time] = /INTERNALDATE "([ \d]\d)-(\w{3})-(\d{4}) ([^"]*)"/.exec(line) ?? []
  return Date.parse(`${day} ${month} ${year} ${time}`)
}

type Counts = Omit<FolderComparison, 'old' | 'new' | 'there'>

function compareMessages(atSource: Message[], onNew: Message[]): Counts {
  const left = Map.groupBy(onNew, ({ hash }) => hash)
  const counts: Counts = {
    messages: atSource.length,
    missing: 0,
    altered: 0,
    dates: 0,
    flags: 0,
    extra: 0,
    remarks: [],
  }
  // Of several with the same bytes, exact twins find each other first.
  const unlike = atSource.filter((message) => !takeTwin(left, message, (twin) => isTwin(twin, message)))
  const unmatched = unlike.filter((message) => {
    const twin = takeTwin(left, message, () => true)
    if (twin) remarkDifference(counts, message, twin)
    return !twin
  })
  const rest = [...left.values()].flat()
  for (const message of unmatched) {
    const other = rest.findIndex(({ messageId }) => messageId !== '' && messageId === message.messageId)
    if (other >= 0) rest.splice(other, 1)
    counts[other >= 0 ? 'altered' : 'missing']++
    remark(counts, `UID ${message.uid} is ${other >= 0 ? 'altered' : 'missing'}: ${message.messageId}`)
  }
  counts.extra = rest.length
  return counts
}

function isTwin(a: Message, b: Message): boolean {
  return a.date === b.date && a.flags === b.flags
}

function takeTwin(left: Map<string, Message[]>, message: Message, fits: (twin: Message) => boolean) {
  const same = left.get(message.hash) ?? []
  const at = same.findIndex(fits)
  return at < 0 ? undefined : same.splice(at, 1)[0]
}

function remarkDifference(counts: Counts, message: Message, twin: Message): void {
  if (twin.date !== message.date) {
    counts.dates++
    remark(
      counts,
      `UID ${message.uid} is dated ${iso(message.date)} at the source, ${iso(twin.date)} on the destination`,
    )
  }
  if (twin.flags !== message.flags) {
    counts.flags++
    remark(counts, `UID ${message.uid} is flagged (${message.flags}) at the source, (${twin.flags}) on the destination`)
  }
}

function remark(counts: Counts, text: string): void {
  if (counts.remarks.length < 20) counts.remarks.push(text)
}

function iso(date: number): string {
  return Number.isNaN(date) ? '(unreadable)' : new Date(date).toISOString()
}
