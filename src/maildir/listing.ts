import { type FileHandle, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openRegular } from '../files/regular-file.ts'
import type { DestinationMail, DestinationMessage, EngineRecords, KnownFile, KnownFiles } from '../ledger/ports.ts'
import { batchesOf } from '../model/batches.ts'
import { decodeName, maildirFlags } from '../model/mailbox.ts'
import { Digesting, type MessageDigest } from '../model/message-digest.ts'
import { KEYWORDS_LIMIT, keywordsIn, keywordsOf } from './keywords.ts'
import { subscriptionsIn } from './subscriptions.ts'

/** How many files are looked at side by side. */
const SIDE_BY_SIDE = 16
/** Bigger files are read piece by piece. */
const WHOLE = 1024 * 1024
/** How often a directory is listed again that changes while it is read. */
const TRIES = 10

/** The destination as the copying host has it: the Maildir in a home. */
export const destinationMail: DestinationMail = {
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
  const files: { name: string; path: string }[] = []
  for (const part of ['cur', 'new']) {
    const names = await entriesOf(join(root, directory, part))
    for (const name of names) if (!name.startsWith('.')) files.push({ name, path: join(root, directory, part, name) })
  }
  const words = await keywordsOf(join(root, directory))
  const messages: DestinationMessage[] = []
  let isWhole = false
  try {
    for (const batch of batchesOf(files, SIDE_BY_SIDE)) {
      const some = batch.map(async ({ name, path }): Promise<DestinationMessage[]> => {
        const [base = '', info = ''] = name.split(':2,')
        const read = await readFileOnce(path, before.get(base))
        if (read === null) return []
        now.set(base, read.file)
        const { digest, messageId, length } = read.file
        const message = { digest, messageId, length, directory, date: read.date, copyOf: copyOf(base) }
        return [{ ...message, flags: maildirFlags(info), keywords: keywordsIn(info, words) }]
      })
      messages.push(...(await Promise.all(some)).flat())
    }
    isWhole = true
  } finally {
    known.keep(directory, isWhole ? now : new Map([...before, ...now]))
  }
  return messages
}

/** Whatever changes a file changes its ctime, and no user can set that. Null: it is no file, and so no message. */
async function readFileOnce(
  path: string,
  before: KnownFile | undefined,
): Promise<{ file: KnownFile; date: number } | null> {
  const { ino, size, ctimeNs, mtimeNs } = await stat(path, { bigint: true })
  const stamp = `${ino} ${size} ${ctimeNs}`
  const date = Number(mtimeNs / 1_000_000_000n)
  if (before?.stamp === stamp) return { file: before, date }
  await using file = await openRegular(path)
  return file && { file: { stamp, ...(await digestOf(file, size)) }, date }
}

async function digestOf(file: FileHandle, size: bigint): Promise<MessageDigest> {
  const digesting = new Digesting()
  if (size <= WHOLE) digesting.add(await file.readFile())
  else for await (const piece of file.createReadStream({ highWaterMark: WHOLE })) digesting.add(piece)
  return digesting.result()
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
