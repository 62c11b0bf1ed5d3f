import { type Connection, type ScriptedImap, scripted, startScriptedImap } from './scripted-imap.ts'

export interface ScriptedMessage {
  readonly uid: number
  readonly body: string
}

/** What one FETCH says of one message. */
export interface Told {
  /** As the source counts, from 1. */
  readonly number: number
  readonly uid: number
  /** What was asked for: `(UID FLAGS)`. */
  readonly items: string
  /** The whole untagged response. */
  readonly usual: string
}

export interface MailboxScript {
  readonly messages: readonly ScriptedMessage[]
  readonly uidValidity?: number
  /** What is said in place of the usual response to a FETCH; empty: nothing. */
  tell?(told: Told): string
  /** What is said before a FETCH is answered. */
  before?(items: string): string
  /** What EXAMINE says of how many there are. */
  readonly exists?: string
}

/** A source with one INBOX that anybody may open, which says what no real server can be made to say. */
export function startScriptedMailbox(script: MailboxScript): Promise<ScriptedImap> {
  return startScriptedImap(
    scripted({
      capability: 'IMAP4rev1 AUTH=PLAIN',
      signIn: ({ connection, tag }) => connection.say(`${tag} OK welcome\r\n`),
      command: (connection, tag, name, rest) => answer(script, connection, tag, name, rest),
    }),
  )
}

function answer(script: MailboxScript, connection: Connection, tag: string, name: string, rest: string): boolean {
  const said = saidTo(script, name === 'UID' ? rest.replace(/^FETCH /i, '') : rest, name)
  if (said === null) return false
  connection.say(`${said}${tag} OK done\r\n`)
  return true
}

function saidTo(script: MailboxScript, rest: string, name: string): string | null {
  const { messages, uidValidity = 7, exists = `* ${messages.length} EXISTS\r\n` } = script
  const next = Math.max(0, ...messages.map(({ uid }) => uid)) + 1
  switch (name) {
    case 'LIST':
      return rest.includes('*') ? '* LIST (\\HasNoChildren) "/" INBOX\r\n' : '* LIST (\\Noselect) "/" ""\r\n'
    case 'STATUS':
      return `* STATUS INBOX (MESSAGES ${messages.length} UIDNEXT ${next} UIDVALIDITY ${uidValidity})\r\n`
    case 'SELECT':
    case 'EXAMINE':
      return `* FLAGS (\\Seen)\r\n${exists}* 0 RECENT\r\n* OK [UIDVALIDITY ${uidValidity}] .\r\n* OK [UIDNEXT ${next}] .\r\n`
    case 'FETCH':
    case 'UID':
      return fetched(script, rest, name === 'UID')
    default:
      return null
  }
}

function fetched(
  { messages, tell = ({ usual }) => usual, before = () => '' }: MailboxScript,
  rest: string,
  byUid: boolean,
) {
  const [, set = '', items = ''] = /^(\S+) (.*)$/.exec(rest) ?? []
  const lines = messages.map(({ uid, body }, at) => {
    const number = at + 1
    return isIn(set, byUid ? uid : number)
      ? tell({ number, uid, items, usual: response(number, uid, items, body) })
      : ''
  })
  return before(items) + lines.join('')
}

function isIn(set: string, number: number): boolean {
  return set.split(',').some((range) => {
    const [first = 0, last = first] = range
      .split(':')
      .map((end) => (end === '*' ? Number.POSITIVE_INFINITY : Number(end)))
    return number >= first && number <= last
  })
}

function response(number: number, uid: number, items: string, body: string): string {
  const said = [`UID ${uid}`]
  if (items.includes('FLAGS')) said.push('FLAGS (\\Seen)')
  if (items.includes('INTERNALDATE')) said.push('INTERNALDATE "01-Feb-2003 04:05:06 +0000"')
  if (items.includes('RFC822.SIZE')) said.push(`RFC822.SIZE ${body.length}`)
  const [, start] = /BODY\.PEEK\[\](?:<(\d+)\.\d+>)?/.exec(items) ?? []
  if (items.includes('BODY')) {
    const part = body.slice(Number(start ?? 0))
    said.push(`BODY[]${start === undefined ? '' : `<${start}>`} {${part.length}}\r\n${part}`)
  }
  return `* ${number} FETCH (${said.join(' ')})\r\n`
}
