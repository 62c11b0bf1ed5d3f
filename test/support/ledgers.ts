import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withBeside } from '../../src/engines/doveadm/beside.ts'
import { offlineImap } from '../../src/engines/offlineimap/engine.ts'
import { sourceMail, sourceSurvey } from '../../src/imap/read/listing.ts'
import { digestCaches } from '../../src/ledger/digest-cache.ts'
import type { Ledgers } from '../../src/ledger/ports.ts'
import { type VerifyDeps, type VerifyOptions, verify } from '../../src/ledger/verify.ts'
import { destinationMail, titleOfDirectory } from '../../src/maildir/listing.ts'
import { type Ledger, totalOf } from '../../src/model/ledger.ts'
import { decodeName } from '../../src/model/mailbox.ts'
import type { CopyOrder } from '../../src/model/migration.ts'
import { Copying } from './copying.ts'
import { type Naming, seedMailboxes } from './mailboxes.ts'

/** Ledgers as the database keeps them, in memory. */
export function keptInMemory(): Ledgers {
  const kept = new Map<string, Ledger>()
  return {
    async save(id, ledger) {
      kept.set(id, ledger)
      return 'saved'
    },
    find: async (id) => kept.get(id) ?? null,
    last: async (id) => ({ takenAt: kept.get(id)?.takenAt ?? null, folders: kept.get(id)?.folders ?? [] }),
  }
}

/** Compares what was copied for an order. */
export async function verifyCopy(
  copying: Copying,
  order: CopyOrder,
  [username, password]: readonly [string, string],
  ledgers: Ledgers = keptInMemory(),
  options: VerifyOptions & { metadata?: string } = {},
): Promise<Ledger> {
  const { id: migrationId, home, provider } = order
  const { metadata = join(copying.folder, 'metadata') } = options
  return await verify({ migrationId, home, provider, username, password }, comparing(metadata, ledgers), options)
}

/** What a comparison needs, with the engine's metadata in this folder. */
export function comparing(metadata: string, ledgers: Ledgers = keptInMemory()): VerifyDeps {
  const [engine, digests] = [offlineImap(settingsOf(metadata)), digestCaches(metadata)]
  return { sourceMail, destinationMail, engine, digests, ledgers }
}

/** Each difference in a line: `kind folder UID old → new`; and folders that are not there. */
export function told(ledger: Ledger): string[] {
  const folders = ledger.folders
    .filter(({ state }) => state !== 'there')
    .map(({ name, state, remark }) => `folder ${decodeName(name)} ${state}${remark === null ? '' : `: ${remark}`}`)
  const messages = ledger.differences.map(({ kind, folder, uid, old, now }) => {
    return `${kind} ${decodeName(folder)} ${uid ?? '–'} ${old} → ${now}`
  })
  return [...folders, ...messages]
}

/** What a ledger comes to. */
export function summary(ledger: Ledger) {
  const { messages, proved, extra, duplicated, faults, changes } = totalOf(ledger.folders)
  return { code: ledger.code, fetched: ledger.fetched, messages, proved, extra, duplicated, faults, changes }
}

export const ANNA = ['anna', 'secret of anna'] as const

/** How many messages the nasty mailboxes have. */
export const MESSAGES = 276

/** The summary of their clean ledger. */
export const CLEAN = {
  code: null,
  messages: MESSAGES,
  proved: MESSAGES,
  extra: 0,
  duplicated: 0,
  faults: 0,
  changes: 0,
}

export function ordinary(subject: string): Buffer {
  return Buffer.from(`Message-ID: <${subject}>\r\nSubject: ${subject}\r\n\r\n${subject}\r\n`)
}

/** Anna's nasty mailboxes, and the copy that OfflineIMAP has made of them. */
export async function withCopy(naming: Naming = { separator: '/', prefix: '' }) {
  const copying = await Copying.start({ people: { [ANNA[0]]: ANNA[1] }, ...naming })
  await seedMailboxes(copying.atSource(...ANNA), naming)
  await copying.openAll({ [ANNA[0]]: ANNA[1] })
  const order = copying.order(1)
  await copyWithOfflineimap(copying, order)
  const empty = await mkdtemp(join(tmpdir(), 'postferry-no-metadata-'))
  return {
    ...{ copying, order, empty },
    maildir: join(order.home, 'Maildir'),
    async [Symbol.asyncDispose]() {
      await rm(empty, { recursive: true })
      await copying[Symbol.asyncDispose]()
    },
  }
}

/** Messages by OfflineIMAP, then what it does not carry. */
export async function copyWithOfflineimap(copying: Copying, order: CopyOrder): Promise<void> {
  const { code, output } = await copying.run([order])
  if (code !== 0) throw new Error(output)
  const engine = offlineImap(settingsOf(join(copying.folder, 'metadata')))
  const done = { outcome: 'complete', folders: 0, messages: 0, output: '' } as const
  const access = { survey: sourceSurvey }
  const carry = withBeside({ run: async () => done }, { engine, access, titleOf: titleOfDirectory })
  const [username, password] = ANNA
  const run = { signal: new AbortController().signal, onMessage: () => undefined }
  const credential = { username, password, address: username, provider: order.provider.name }
  const { outcome, output: said } = await carry(order, credential, run)
  if (outcome !== 'complete') throw new Error(`${outcome}: ${said}`)
}

function settingsOf(metadata: string) {
  return { offlineimapMetadata: metadata, dataDir: metadata, keptFree: { percent: 0, bytes: 0 } }
}

/** The file of a message by its UID at the source. */
export async function fileOf(maildir: string, directory: string, uid: number): Promise<string> {
  const names = await readdir(join(maildir, directory, 'cur'))
  const recent = await readdir(join(maildir, directory, 'new'))
  const has = (name: string) => name.includes(`,U=${uid},`)
  const [inCur, inNew] = [names.find(has), recent.find(has)]
  if (inCur !== undefined) return join(maildir, directory, 'cur', inCur)
  return join(maildir, directory, 'new', inNew ?? `no UID ${uid}`)
}

/** Changes a file's bytes, and not its time. */
export async function changeFile(path: string, change: (bytes: Buffer) => void): Promise<void> {
  const { atime, mtime } = await stat(path)
  const bytes = await readFile(path)
  change(bytes)
  await writeFile(path, bytes)
  await utimes(path, atime, mtime)
}
