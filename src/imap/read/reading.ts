import type { ImapFlow } from 'imapflow'
import type { Reading, SourceMessage } from '../../ledger/ports.ts'
import { Digesting, type MessageDigest } from '../../model/message-digest.ts'
import { UidSet } from '../../model/uid-set.ts'
import { endingOf } from '../login/ending.ts'
import { atom, bytesOf, command, itemsOf, said, sequence, textOf } from './raw.ts'
import { isRefusal } from './session.ts'

/** Bigger messages are read piece by piece. */
const PIECE = 1024 * 1024
/** What one command asks for. */
const BATCH_BYTES = 8 * PIECE
const BATCH_MESSAGES = 200

const BODY = { type: 'ATOM', value: 'BODY.PEEK', section: [] }

/** A connection that can be renewed, with the same mailbox open. */
export interface Connection {
  readonly client: ImapFlow
  renew(): Promise<void>
}

/**
 * Digests messages of the open mailbox, one in memory at a time; each gives one reading.
 * @param spent aborted: those that are not read yet give none
 */
export async function* readMessages(
  connection: Connection,
  messages: readonly SourceMessage[],
  spent?: AbortSignal,
): AsyncGenerator<Reading, void, undefined> {
  for (const batch of batchesOf(messages)) {
    if (spent?.aborted) return
    const found = await readBatch(connection, batch)
    for (const message of batch) {
      const digest = found.get(message.uid)
      if (digest !== undefined) yield { uid: message.uid, ...digest }
      else if (!spent?.aborted) yield await readAlone(connection, message)
    }
  }
}

function* batchesOf(messages: readonly SourceMessage[]): Generator<readonly SourceMessage[]> {
  let batch: SourceMessage[] = []
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

/** The digests of those that source handed over; big messages are left out. */
async function readBatch(connection: Connection, batch: readonly SourceMessage[]): Promise<Map<number, MessageDigest>> {
  const found = new Map<number, MessageDigest>()
  const small = batch.filter(({ size }) => size <= PIECE)
  if (small.length === 0) return found
  const set = `${UidSet.of(small.map(({ uid }) => uid))}`
  try {
    await command(connection.client, 'UID FETCH', [sequence(set), [atom('UID'), BODY]], {
      FETCH(values) {
        const items = itemsOf(values)
        const body = bytesOf(items.get('BODY'))
        if (body === null || body.length === 0) return
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

async function readAlone(connection: Connection, message: SourceMessage): Promise<Reading> {
  const { uid } = message
  let reason = ''
  for (let tries = 1; tries <= 2; tries++) {
    try {
      return await readPieces(connection.client, message)
    } catch (error) {
      reason = endingOf(error).text || (error as Error).message
      if (isRefusal(error)) break
      await connection.renew()
    }
  }
  return { uid, unreadable: said(reason) }
}

async function readPieces(client: ImapFlow, { uid, size }: SourceMessage): Promise<Reading> {
  const digesting = new Digesting()
  for (let start = 0; ; ) {
    const piece = await readPiece(client, uid, start)
    const isEmpty = start === 0 && piece?.length === 0 && size > 0
    if (piece === null || isEmpty) {
      return (await isThere(client, uid)) ? { uid, unreadable: 'without content' } : { uid, gone: true }
    }
    const { length } = piece
    digesting.add(piece)
    start += length
    // Who sends more than a piece has sent all of it.
    if (length !== PIECE) return { uid, ...digesting.result() }
  }
}

/** Null: the source says OK, and hands over nothing. */
async function readPiece(client: ImapFlow, uid: number, start: number): Promise<Buffer | null> {
  let answer: Buffer | null = null
  const piece = { ...BODY, partial: [start, PIECE] }
  await command(client, 'UID FETCH', [sequence(`${uid}`), [atom('UID'), piece]], {
    FETCH(values) {
      const items = itemsOf(values)
      if (Number(textOf(items.get('UID'))) === uid) answer ??= bytesOf(items.get('BODY'))
    },
  })
  return answer
}

/** Whether the source still has a message: not every server says so of one whose content it cannot give. */
async function isThere(client: ImapFlow, uid: number): Promise<boolean> {
  let isTold = false
  await command(client, 'UID FETCH', [sequence(`${uid}`), [atom('UID')]], {
    FETCH(values) {
      isTold ||= Number(textOf(itemsOf(values).get('UID'))) === uid
    },
  })
  return isTold
}
