import { ImapWire } from '../../support/imap-wire.ts'
import { startCourier } from '../../support/old-servers.ts'
import { startSource } from '../../support/source-server.ts'
import type { OldPlace } from '../crossing/world.ts'
import { QUIET } from '../ferry.ts'

export type SourceKind = 'Dovecot' | 'Courier'
export const SOURCES: readonly SourceKind[] = ['Dovecot', 'Courier']

/** In the clear, as what it is compared with: nobody's TLS is measured. */
export async function openOld(kind: SourceKind, people: Readonly<Record<string, string>>): Promise<OldPlace> {
  const old = kind === 'Courier' ? await startCourier(people) : await startSource({ people, configuration: QUIET })
  const options = ['--port', `${old.port}`, '--tls', 'none']
  return { port: old.port, options, [Symbol.asyncDispose]: () => old[Symbol.asyncDispose]() }
}

/** Of a hundred messages so many have so many bytes, about as in real mailboxes: 30 KB each on the average. */
const SIZES = [
  [20, 1_000],
  [36, 4_000],
  [25, 12_000],
  [14, 40_000],
  [4, 200_000],
  [1, 1_200_000],
] as const
const ALL_SIZES = SIZES.flatMap(([share, bytes]) => Array.from({ length: share }, () => bytes))
const LINE = `${'x'.repeat(76)}\r\n`
/** Prime to a hundred: sizes come in no order. */
const STEP = 37

/** Fills folders of an account, so many messages in each. */
export async function fillFolders(
  port: number,
  [user, password]: readonly [string, string],
  folders: readonly string[],
  messages: number,
): Promise<void> {
  await using wire = await ImapWire.open({ host: 'localhost', port, user, password })
  for (const folder of folders) {
    if (folder !== 'INBOX') await wire.command(`CREATE ${folder}`)
    for (let from = 0; from < messages; from += BATCH) {
      const some = Array.from({ length: Math.min(BATCH, messages - from) }, (_, at) => from + at)
      await Promise.all(some.map((number) => wire.command(`APPEND ${folder} `, message(folder, number))))
    }
    // As people have who work there: what a server notes when a folder is opened first is nobody's share of the copying.
    await wire.command(`SELECT ${folder}`)
    await wire.command('FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)')
  }
}

const BATCH = 200

function message(folder: string, number: number): Buffer {
  const bytes = sizeOf(number)
  const head = `From: a@old.example\r\nMessage-ID: <${folder}.${number}@old.example>\r\nSubject: ${number}\r\n\r\n`
  return Buffer.from(head + LINE.repeat(Math.ceil(Math.max(1, bytes - head.length) / LINE.length)))
}

function sizeOf(number: number): number {
  return ALL_SIZES[(number * STEP) % ALL_SIZES.length] ?? 0
}
