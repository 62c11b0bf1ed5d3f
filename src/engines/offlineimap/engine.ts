import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Delivered, Engine, EngineRun } from '../../copying/ports.ts'
import { replaceFileFrom } from '../../files/atomic.ts'
import { lockFolder } from '../../files/lock.ts'
import { CODE, PROGRAM } from '../../installed.ts'
import type { Credential } from '../../keys/ports.ts'
import { OUTCOMES, type Outcome, type Result } from '../../model/attempt.ts'
import { backoffIn, backoffText } from '../../model/backoff.ts'
import type { CopyOrder } from '../../model/migration.ts'
import type { Settings } from '../../settings.ts'
import { type End, HAND_OVER, runProcess } from '../process.ts'
import { check } from './check.ts'
import { offlineimaprc, type Work } from './config.ts'
import { forgetIn, isCopiedIn, noteIn, syncStateIn } from './local-status.ts'
import { accountOf, directoriesOf, sourceUids } from './names.ts'
import { Output } from './output.ts'

const PYTHON_FILE = join(CODE, 'engines/offlineimap/python/postferry.py')
const COMMAND = join(PROGRAM, 'bin/postferry')
/** After COPYING's line, when the message is here. */
const BROUGHT = /^postferry: brought (\d+) bytes$/
const COPYING = /Copy message UID \d+ (?:\(\d+\/\d+\) )?m-\d+-old:(.+) -> m-\d+-new/
const NOBODY: Work = { ids: [], orders: [] }
/** The pythonfile does not know this OfflineIMAP (sysexits). */
const EX_CONFIG = 78

export interface OfflineImap extends Engine {
  /**
   * The offlineimaprc for a run that postferry does not start.
   * @param credentials as in the settings of `offlineimaprc`
   */
  emit(work: Work, credentials?: string | number): AsyncIterable<string>
  /** Notes what another engine has delivered in the sync state that both share. On the disk when this returns. */
  note(migrationId: string, delivered: Delivered): void
  /** No run of OfflineIMAP with this sync state, whoever started it, copies until this is disposed. Null: one does. */
  lock(migrationId: string): Promise<Disposable | null>
  /** Whether something was copied into a directory. */
  isCopied(migrationId: string, directory: string): boolean
}

/** Copies with one OfflineIMAP process per attempt. */
export function offlineImap({
  offlineimapMetadata: metadata,
  dataDir,
  keptFree,
}: Pick<Settings, 'offlineimapMetadata' | 'dataDir' | 'keptFree'>): OfflineImap {
  const folders = [metadata, dataDir]
  const emit = (work: Work, credentials: string | number = COMMAND) =>
    offlineimaprc(work, { pythonFile: PYTHON_FILE, metadata, credentials, keptFree: { ...keptFree, folders } })
  return {
    name: 'offlineimap',
    stateFolder: metadata,
    stateSetting: 'POSTFERRY_OFFLINEIMAP_METADATA',
    check: () =>
      check((folder) => offlineimaprc(NOBODY, { pythonFile: PYTHON_FILE, metadata: folder, credentials: COMMAND })),
    emit,
    remembers: (id) => existsSync(join(metadata, `Account-${accountOf(id)}`)),
    remember: (id) => void mkdirSync(join(metadata, `Account-${accountOf(id)}`), { recursive: true, mode: 0o700 }),
    async run(order, credential, run) {
      const file = join(metadata, `${accountOf(order.id)}.rc`)
      try {
        await replaceFileFrom(file, emit({ ids: [order.id], orders: [order] }, HAND_OVER))
      } catch (error) {
        return { outcome: 'new-unwritable', folders: 0, messages: 0, output: (error as Error).message }
      }
      return await runWith(file, order, credential, run)
    },
    directoriesOf,
    sourceUids,
    flipped: () => null,
    syncState: (id, directory, uidValidity) => syncStateIn(metadata, id, directory, uidValidity),
    isCopied: (id, directory) => isCopiedIn(metadata, id, directory),
    subscribed: () => new Set(),
    forget: (id, lost) => forgetIn(metadata, id, lost),
    lock(id) {
      mkdirSync(metadata, { recursive: true, mode: 0o700 })
      // As OfflineIMAP names it.
      return lockFolder(metadata, accountOf(id))
    },
    note: (id, delivered) => noteIn(metadata, id, delivered),
    release: async () => undefined,
  }
}

async function runWith(
  file: string,
  { id }: CopyOrder,
  { username, password }: Credential,
  { onMessage, onBrought, ...run }: EngineRun,
): Promise<Result> {
  const signal = run.spent === undefined ? run.signal : AbortSignal.any([run.signal, run.spent])
  const output = new Output()
  let waitMs: number | null = null
  let mailbox = ''
  const end = await runProcess({
    program: 'offlineimap',
    args: ['-1', '-o', '-c', file],
    handOver: `${JSON.stringify({ id, user: username, password })}\n\n`,
    signal,
    isUrgent: (reason) => reason === 'lost-lock',
    onLine(line) {
      const bytes = BROUGHT.exec(line)?.[1]
      if (bytes !== undefined) return onBrought?.({ mailbox, bytes: Number(bytes), engine: 'offlineimap' })
      output.read(line)
      waitMs = backoffIn(line) ?? waitMs
      const folder = COPYING.exec(line)?.[1]
      if (folder === undefined) return
      mailbox = folder
      onMessage()
    },
  })
  const { folders = 0, messages = 0 } = output.report ?? {}
  const outcome = outcomeOf(end, output, signal)
  const missing = 'OfflineIMAP is missing: apt-get install --yes offlineimap3'
  if (outcome !== 'complete' && waitMs !== null) {
    return { outcome: 'old-busy', folders, messages, output: `${output.last()}\n${backoffText(waitMs)}`, waitMs }
  }
  return { outcome, folders, messages, output: end.error?.code === 'ENOENT' ? missing : output.last() }
}

/** The exit code alone says too little: 0 may be a run that was cut off. */
function outcomeOf({ exitCode, error }: End, { report }: Output, signal: AbortSignal): Outcome {
  if (error !== null) return error.code === 'ENOENT' ? 'engine-missing' : 'incomplete'
  if (report?.complete && exitCode === 0) return 'complete'
  if (signal.aborted) return signal.reason
  if (exitCode === null) return 'killed'
  if (exitCode === EX_CONFIG) return 'engine-missing'
  return OUTCOMES.find((outcome) => outcome === report?.reason && outcome !== 'complete') ?? 'incomplete'
}
