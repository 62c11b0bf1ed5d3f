import type { DestinationMessage, KnownFile } from '../../ledger/ports.ts'
import { batchesOf } from '../../model/batches.ts'
import { encodeName, maildirFlags } from '../../model/mailbox.ts'
import { Digesting, type MessageDigest } from '../../model/message-digest.ts'
import { UidSet } from '../../model/uid-set.ts'
import { keywordsOf, lettersOf } from './flags.ts'
import { quoted, type Session } from './session.ts'

/** A message as Dovecot shows it. */
export interface ShownMessage extends Omit<DestinationMessage, 'directory' | 'copyOf'> {
  readonly uid: number
}

/** So many messages are asked for at a time. */
const BATCH = 500

/**
 * The messages of a folder, digested as Dovecot shows them. A message never changes under its UID: what is known is not
 * read again.
 * @param name as the session calls it
 * @param known by UID
 */
export async function shownMessages(
  session: Session,
  name: string,
  known: ReadonlyMap<string, KnownFile>,
): Promise<{ messages: ShownMessage[]; files: Map<string, KnownFile> }> {
  const uidValidity = await examine(session, name)
  const listed: { uid: number; stamp: string; flags: readonly string[]; date: number }[] = []
  await session.ask('UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)', (line) => {
    const uid = number(/\bUID (\d+)/.exec(line)?.[1])
    const flags = /\bFLAGS \(([^)]*)\)/.exec(line)?.[1]
    if (!/^\* \d+ FETCH /.test(line) || Number.isNaN(uid) || flags === undefined) return
    const stamp = `${uidValidity} ${/RFC822\.SIZE (\d+)/.exec(line)?.[1]}`
    listed.push({ uid, stamp, flags: flags.split(' ').filter(Boolean), date: dateIn(line) })
  })
  const fresh = listed.filter(({ uid, stamp }) => known.get(`${uid}`)?.stamp !== stamp).map(({ uid }) => uid)
  const read = await digestsOf(session, fresh)
  const files = new Map<string, KnownFile>()
  const messages: ShownMessage[] = []
  for (const { uid, stamp, flags, date } of listed) {
    const digest = read.get(uid) ?? known.get(`${uid}`)
    // Expunged meanwhile.
    if (digest === undefined) continue
    const { digest: hash, messageId, length } = digest
    files.set(`${uid}`, { stamp, digest: hash, messageId, length })
    const told = { flags: maildirFlags(lettersOf(flags)), keywords: keywordsOf(flags).sort() }
    messages.push({ uid, digest: hash, messageId, length, date, ...told })
  }
  return { messages, files }
}

/** Opens a folder read-only; returns its UIDVALIDITY. */
async function examine(session: Session, name: string): Promise<number> {
  let uidValidity = 0
  await session.ask(`EXAMINE ${quoted(encodeName(name))}`, (line) => {
    uidValidity = number(/\[UIDVALIDITY (\d+)\]/.exec(line)?.[1]) || uidValidity
  })
  return uidValidity
}

/** Of messages of the open folder, by UID. */
export async function digestsOf(session: Session, uids: readonly number[]): Promise<Map<number, MessageDigest>> {
  const found = new Map<number, MessageDigest>()
  let digesting = new Digesting()
  const take = (line: string) => {
    const uid = number(/^\* \d+ FETCH .*\bUID (\d+)/.exec(line)?.[1])
    if (!Number.isNaN(uid) && /BODY\[\]/.test(line)) found.set(uid, digesting.result())
    digesting = new Digesting()
  }
  for (const batch of batchesOf(uids, BATCH)) {
    // Digesting changes what it is given.
    await session.ask(`UID FETCH ${UidSet.of(batch)} (UID BODY.PEEK[])`, take, (piece) =>
      digesting.add(Buffer.from(piece)),
    )
  }
  return found
}

function number(text: string | undefined): number {
  return Number(text ?? Number.NaN)
}

function dateIn(line: string): number {
  const [, day, month, year, time] = /INTERNALDATE "([ \d]\d)-(\w{3})-(\d{4}) ([^"]*)"/.exec(line) ?? []
  return Date.parse(`${day} ${month} ${year} ${time}`) / 1000
}
