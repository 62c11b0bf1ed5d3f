import type { ImapFlow } from 'imapflow'
import { Digesting, type MessageDigest } from '../model/digest.ts'
import type { OldMessage, Reading } from '../policy/ledger-ports.ts'
import { endingOf } from './ending.ts'
import { atom, bytesOf, command, itemsOf, said, sequence, textOf } from './raw.ts'

/** Bigger messages are read piece by piece. */
const PIECE = 1024 * 1024
/** What one command asks for. */
const BATCH_BYTES = 8 * PIECE
const BATCH_MESSAGES = 200

const BODY = { type: 'ATOM', value: 'BODY.PEEK', section: [] }

/** A connection that can be had anew, with the same mailbox open. */
export interface Connection {
  readonly client: ImapFlow
  renew(): Promise<void>
}

/** Digests messages of the open mailbox, one in memory at a time; each gives one reading. */
export async function* readMessages(
  connection: Connection,
  messages: readonly OldMessage[],
): AsyncGenerator<Reading, void, undefined> {
  for (const batch of batchesOf(messages)) {
    const found = await readBatch(connection, batch)
    for (const { uid } of batch) {
      const digest = found.get(uid)
      yield digest === undefined ? await readAlone(connection, uid) : { uid, ...digest }
    }
  }
}

function* batchesOf(messages: readonly OldMessage[]): Generator<readonly OldMessage[]> {
  let batch: OldMessage[] = []
  let bytes = 0
  for (const message of messages) {
    const full = batch.length >= BATCH_MESSAGES || bytes + message.size > BATCH_BYTES
    if (batch.length > 0 && full) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(message)
    bytes += message.size
  }
  if (batch.length > 0) yield batch
}

/** The digests of those that OLD handed over; big messages are left out. */
async function readBatch(connection: Connection, batch: readonly OldMessage[]): Promise<Map<number, MessageDigest>> {
  const found = new Map<number, MessageDigest>()
  const small = batch.filter(({ size }) => size <= PIECE)
  if (small.length === 0) return found
  try {
    await command(connection.client, 'UID FETCH', [sequence(setOf(small)), [atom('UID'), BODY]], {
      FETCH(values) {
        const items = itemsOf(values)
        const body = bytesOf(items.get('BODY'))
        if (body === null) return
        const digesting = new Digesting()
        digesting.add(body)
        found.set(Number(textOf(items.get('UID'))), digesting.result())
      },
    })
  } catch (error) {
    // One message may spoil the answer for all, or end the connection: each of the rest is asked for alone.
    if (!isRefusal(error)) await connection.renew()
  }
  return found
}

async function readAlone(connection: Connection, uid: number): Promise<Reading> {
  let reason = ''
  for (let tries = 1; tries <= 2; tries++) {
    try {
      return await readPieces(connection.client, uid)
    } catch (error) {
      reason = endingOf(error).text || (error as Error).message
      if (isRefusal(error)) break
      await connection.renew()
    }
  }
  return { uid, unreadable: said(reason) }
}

async function readPieces(client: ImapFlow, uid: number): Promise<Reading> {
  const digesting = new Digesting()
  for (let start = 0; ; ) {
    const piece = await readPiece(client, uid, start)
    if (piece === 'gone') return { uid, gone: true }
    if (piece === null) return { uid, unreadable: 'without content' }
    const { length } = piece
    digesting.add(piece)
    start += length
    // Who sends more than a piece has sent all of it.
    if (length !== PIECE) return { uid, ...digesting.result() }
  }
}

async function readPiece(client: ImapFlow, uid: number, start: number): Promise<Buffer | 'gone' | null> {
  const answers: (Buffer | null)[] = []
  const piece = { ...BODY, partial: [start, PIECE] }
  await command(client, 'UID FETCH', [sequence(`${uid}`), [atom('UID'), piece]], {
    FETCH(values) {
      const items = itemsOf(values)
      if (Number(textOf(items.get('UID'))) === uid && items.has('BODY')) answers.push(bytesOf(items.get('BODY')))
    },
  })
  const [answer = 'gone'] = answers
  return answer
}

function isRefusal(error: unknown): boolean {
  return /^(NO|BAD)$/.test(endingOf(error).status ?? '')
}

/** As IMAP writes it, ascending. */
function setOf(messages: readonly OldMessage[]): string {
  const ranges: [number, number][] = []
  for (const { uid } of messages) {
    const last = ranges.at(-1)
    if (last?.[1] === uid - 1) last[1] = uid
    else ranges.push([uid, uid])
  }
  return ranges.map(([first, last]) => (first === last ? first : `${first}:${last}`)).join(',')
}
