import { type BigIntStats, statSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as othersToo } from 'node:timers/promises'
import { piecesOf } from '../files/pieces.ts'
import { openRegular } from '../files/regular-file.ts'
import { readSmall } from '../files/small-file.ts'
import type { DestinationMail, DestinationMessage, EngineRecords, KnownFile, KnownFiles } from '../ledger/ports.ts'
import { batchesOf } from '../model/batches.ts'
import { decodeName, maildirFlags } from '../model/mailbox.ts'
import { Digesting } from '../model/message-digest.ts'
import { KEYWORDS_LIMIT, keywordsIn, keywordsOf } from './keywords.ts'
import { subscriptionsIn } from './subscriptions.ts'

/** So many files are looked at before other work gets its turn. */
const IN_ONE_GO = 16
/** How often a directory is listed again that changes while it is read. */
const TRIES = 10

/** The destination as the copying host has it: the Maildir in a home. */
export const destinationMail: DestinationMail = {
  titleOf: titleOfDirectory,
  async open(home, known, sourceUids) {
    const root = join(home, 'Maildir')
    const directories = await mailDirectories(root)
    const reading = { root, known, sourceUids }
    return {
      directories,
      titleOf: titleOfDirectory,
      read: async (directory) => (directories.includes(directory) ? await readDirectory(directory, reading) : []),
      async onlyKeywords(directory) {
        const words = await keywordsOf(join(root, directory))
        return words.size < KEYWORDS_LIMIT ? null : new Set(words.values())
      },
      subscribed: async () => new Set((await subscriptionsIn(root)).map(titleOfLevels)),
    }
  },
}

interface Reading {
  readonly root: string
  readonly known: KnownFiles
  readonly sourceUids: EngineRecords['sourceUids']
}

/** What people read for a directory of a Maildir++ that Dovecot's listescape plugin reads: `/` between the levels. */
export function titleOfDirectory(directory: string): string {
  if (directory === '') return 'INBOX'
  return titleOfLevels(directory.slice(1).split('.'))
}

function titleOfLevels(levels: readonly string[]): string {
  return levels
    .map((level) =>
      decodeName(level).replace(/\\([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    )
    .join('/')
}

async function mailDirectories(root: string): Promise<string[]> {
  const names = ['', ...(await entriesOf(root)).filter((name) => name.startsWith('.'))]
  const found: string[] = []
  for (const name of names) if (await isThere(join(root, name, 'cur'))) found.push(name)
  return found
}

async function readDirectory(directory: string, reading: Reading): Promise<DestinationMessage[]> {
  for (let tries = 1; ; tries++) {
    try {
      return await readOnce(directory, reading)
    } catch (error) {
      // Flags are part of a file's name: a reader of the mail has renamed one meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries === TRIES) throw error
    }
  }
}

async function readOnce(directory: string, { root, known, sourceUids }: Reading): Promise<DestinationMessage[]> {
  const before = known.of(directory)
  const now = new Map<string, KnownFile>()
  const copyOf = sourceUids(directory)
  const files: { part: string; name: string }[] = []
  for (const part of ['cur', 'new']) {
    const names = await entriesOf(join(root, directory, part))
    for (const name of names) if (!name.startsWith('.')) files.push({ part, name })
  }
  const words = await keywordsOf(join(root, directory))
  const messages: DestinationMessage[] = []
  let isWhole = false
  try {
    for (const batch of batchesOf(files, IN_ONE_GO)) {
      for (const { part, name } of batch) {
        const path = join(root, directory, part, name)
        const [base = '', info = ''] = name.split(':2,')
        const read = lookAt(path, before.get(base)) ?? (await readPieces(path))
        if (read === null) continue
        now.set(base, read.file)
        const { digest, messageId, length } = read.file
        const message = { digest, messageId, length, directory, date: read.date, copyOf: copyOf(base) }
        messages.push({ ...message, flags: maildirFlags(info), keywords: keywordsIn(info, words) })
      }
      await othersToo()
    }
    isWhole = true
  } finally {
    known.keep(directory, isWhole ? now : new Map([...before, ...now]))
  }
  return messages
}

interface Read {
  readonly file: KnownFile
  /** In seconds since 1970. */
  readonly date: number
}

/** Null: it is not small, or no file. */
function lookAt(path: string, before: KnownFile | undefined): Read | null {
  if (before !== undefined) {
    const stats = statSync(path, { bigint: true })
    if (stampOf(stats) === before.stamp) return { file: before, date: dateOf(stats) }
  }
  const { bytes, stats } = readSmall(path)
  if (bytes === null) return null
  const digesting = new Digesting()
  digesting.add(bytes)
  return { file: { stamp: stampOf(stats), ...digesting.result() }, date: dateOf(stats) }
}

/** Null: it is no file, and so no message. */
async function readPieces(path: string): Promise<Read | null> {
  await using file = await openRegular(path)
  if (file === null) return null
  const stats = await file.stat({ bigint: true })
  const digesting = new Digesting()
  for await (const piece of piecesOf(file)) digesting.add(piece)
  return { file: { stamp: stampOf(stats), ...digesting.result() }, date: dateOf(stats) }
}

/** Whatever changes a file changes its ctime, and no user can set that. */
function stampOf({ ino, size, ctimeNs }: BigIntStats): string {
  return `${ino} ${size} ${ctimeNs}`
}

function dateOf({ mtimeNs }: BigIntStats): number {
  return Number(mtimeNs / 1_000_000_000n)
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    (error) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false
      throw error
    },
  )
}
