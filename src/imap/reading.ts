import type { ImapFlow } from 'imapflow'
import { Digesting, type MessageDigest } from '../model/digest.ts'
import type { OldMessage, Reading } from '../policy/ledger-ports.ts'
import { endingOf } from './ending.ts'
import { atom, bytesOf, command, itemsOf, sequence, textOf } from './raw.ts'

/** Bigger messages are read piece by piece. */
const PIECE = 1024 * 1024
/** What one command asks for. */
const BATCH_BYTES = 8 * PIECE
const BATCH_MESSAGES = 200

const BODY = { type: 'ATOM', value: 'BODY.PEEK', section: [] }

/** Digests messages of the open mailbox, one in memory at a time; each gives one reading. */
export async function* readMessages(client: ImapFlow, messages: readonly OldMessage[]): AsyncGenerator<Reading> {
  for (const batch of batchesOf(messages)) {
    const found = await readBatch(client, batch)
    for (const { uid } of batch) {
      const digest = found.get(uid)
      yield digest === undefined ? await readAlone(client, uid) : { uid, ...digest }
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

/** The digests of those that OLD handed over; of a single big message none. */
async function readBatch(client: ImapFlow, batch: readonly OldMessage[]): Promise<Map<number, MessageDigest>> {
  const found = new Map<number, MessageDigest>()
  const small = batch.filter(({ size }) => size <= PIECE)
  if (small.length === 0) return found
  try {
    await command(client, 'UID FETCH', [sequence(setOf(small)), [atom('UID'), BODY]], {
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
    // One message may spoil the answer for all: each is asked for alone.
    if (!isRefusal(error)) throw error
  }
  return found
}

async function readAlone(client: ImapFlow, uid: number): Promise<Reading> {
  const digesting = new Digesting()
  for (let start = 0; ; ) {
    const answer = await readPiece(client, uid, start)
    if (!Buffer.isBuffer(answer)) return { uid, ...answer }
    const { length } = answer
    digesting.add(answer)
    start += length
    // Who sends more than a piece has sent all of it.
    if (length !== PIECE) return { uid, ...digesting.result() }
  }
}

async function readPiece(client: ImapFlow, uid: number, start: number) {
  let answer: Buffer | { unreadable: string } | { gone: true } = { gone: true }
  const piece = { ...BODY, partial: [start, PIECE] }
  try {
    await command(client, 'UID FETCH', [sequence(`${uid}`), [atom('UID'), piece]], {
      FETCH(values) {
        const items = itemsOf(values)
        if (Number(textOf(items.get('UID'))) !== uid || !items.has('BODY')) return
        answer = bytesOf(items.get('BODY')) ?? { unreadable: 'without content' }
      },
    })
  } catch (error) {
    if (!isRefusal(error)) throw error
    const { text = '', status = '' } = endingOf(error)
    answer = { unreadable: text || status }
  }
  return answer as Buffer | { unreadable: string } | { gone: true }
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
