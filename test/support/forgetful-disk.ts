import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

const SOURCE = join(import.meta.dirname, 'forgetful-disk.c')

/** A disk below a folder that keeps what programs have synced, and nothing else, when its power is cut. */
export interface ForgetfulDisk extends Disposable {
  /** The environment of the programs. `endAt`: each is killed before its so many-th change. */
  environment(endAt?: number): NodeJS.ProcessEnv
  /**
   * When its programs have ended: undoes what was not synced. Returns how many changes that were.
   * `names`: all names are kept, as by file systems that write them before the bytes.
   */
  cutPower(kept?: 'names'): number
}

/** What the programs wrote down. */
interface Change {
  readonly kind: string
  /** Of the file or directory: device and inode. */
  readonly subject: string
  readonly directory: string
  readonly path: string
  readonly other: string
  readonly kept: string
}

/** The store lies beside the folder: hard links go there. */
export function forgetfulDisk(below: string): ForgetfulDisk {
  const store = mkdtempSync(join(dirname(below), 'forgetful-'))
  // Whoever the programs run as.
  chmodSync(store, 0o777)
  const library = join(store, 'forgetful-disk.so')
  execFileSync('gcc', ['-O2', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl'])
  const journal = join(store, 'journal')
  return {
    environment: (endAt) => ({
      LD_PRELOAD: library,
      FORGETFUL_BELOW: `${below}/`,
      FORGETFUL_STORE: store,
      ...(endAt !== undefined && { FORGETFUL_END: String(endAt) }),
    }),
    cutPower(kept) {
      const changes = existsSync(journal) ? unsynced(changesIn(readFileSync(journal, 'utf8'))) : []
      const lost = kept === 'names' ? changes.filter(isOfFile) : changes
      const files = pathsBelow(below)
      for (const change of lost) undoBytes(change, files)
      for (const change of lost) undoEntry(change)
      rmSync(journal, { force: true })
      return lost.length
    },
    [Symbol.dispose]: () => rmSync(store, { recursive: true }),
  }
}

function changesIn(journal: string): Change[] {
  return journal
    .split('\x1e')
    .slice(0, -1)
    .map((line) => {
      const [kind = '', subject = '', directory = '', path = '', other = '', kept = ''] = line.split('\x1f')
      return { kind, subject, directory, path, other, kept }
    })
}

/** Latest first. */
function unsynced(changes: readonly Change[]): Change[] {
  const synced = new Set<string>()
  const timed = new Set<string>()
  return changes.toReversed().filter(({ kind, subject, directory }) => {
    if (kind === 'sync') synced.add('all')
    else if (kind === 'syncfs') synced.add(deviceOf(subject))
    else if (kind === 'fsync') timed.add(subject)
    if (kind === 'fsync' || kind === 'fdatasync') synced.add(subject)
    if (kind.includes('sync') || synced.has('all') || synced.has(deviceOf(subject))) return false
    if (kind === 'content') return !synced.has(subject)
    return kind === 'time' ? !timed.has(subject) : !synced.has(directory)
  })
}

function isOfFile({ kind }: Change): boolean {
  return kind === 'content' || kind === 'time'
}

function deviceOf(subject: string): string {
  return subject.split(':')[0] ?? ''
}

/** By device and inode. */
function pathsBelow(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return new Map(names.map((name) => [numberOf(join(folder, name)) ?? '', join(folder, name)]))
}

function numberOf(path: string): string | null {
  const status = lstatSync(path, { throwIfNoEntry: false })
  return status === undefined ? null : `${status.dev}:${status.ino}`
}

function undoBytes({ kind, subject, other, kept }: Change, files: ReadonlyMap<string, string>): void {
  const path = files.get(subject)
  if (path === undefined) return
  if (kind === 'content') writeFileSync(path, kept === '' ? '' : readFileSync(kept))
  if (kind === 'time') utimesSync(path, Number(other), Number(other))
}

function undoEntry({ kind, subject, path, other, kept }: Change): void {
  if (kind === 'create' && numberOf(path) === subject) rmSync(path, { recursive: true })
  if (kind === 'rename' && numberOf(other) === subject) renameSync(other, path)
  if ((kind === 'rename' || kind === 'remove') && kept !== '') linkSync(kept, kind === 'rename' ? other : path)
}
