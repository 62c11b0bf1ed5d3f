import { randomUUID } from 'node:crypto'
import type { BadLine, ImportOutcome, ImportWatcher } from '../../../operations/import-people.ts'
import type { Said } from '../../../operations/operation.ts'

/** A file that somebody uploaded; it may hold passwords, so it stays in memory, for a short time. */
export interface Upload {
  readonly id: string
  /** Whose it is: nobody else sees it. */
  readonly owner: string
  readonly name: string
  readonly verify: boolean
  /** How far the reading or the import is that runs now. */
  lines: number
  /** In the file. */
  readonly allLines: number
  readonly bad: BadLine[]
  /** Null: it is being read. */
  preview: ImportOutcome | null
  isImporting: boolean
  /** Null: it was not imported yet. */
  result: ImportOutcome | null
  /** Why it could not be read or imported. */
  trouble: Error | null
}

/** At least one: something is to be read. */
function linesIn(file: Buffer): number {
  let lines = 0
  for (let at = file.indexOf('\n'); at !== -1; at = file.indexOf('\n', at + 1)) lines++
  return Math.max(1, lines)
}

/** Whether its file is needed at this moment. */
export function isRunning({ preview, isImporting, result, trouble }: Upload): boolean {
  return trouble === null && (preview === null || (isImporting && result === null))
}

export type Run = (file: Uint8Array, said: Said, watcher: ImportWatcher) => Promise<ImportOutcome>

/** Bad lines of a file that are told; the numbers count them all. */
const BAD_SHOWN = 500
const KEPT_MS = 15 * 60_000
const MOST = 4

/** The uploads of the moment. */
export class Uploads implements Disposable {
  readonly #kept = new Map<string, { upload: Upload; file: Buffer; timer: NodeJS.Timeout }>()

  /** Forgets what the owner has looked at and left. False: others take all the room. */
  makeRoom(owner: string): boolean {
    for (const { upload } of this.#kept.values()) {
      if (upload.owner === owner && !isRunning(upload)) this.#forget(upload.id)
    }
    return this.#kept.size < MOST
  }

  find(id: string, owner: string): Upload | null {
    const upload = this.#kept.get(id)?.upload
    return upload?.owner === owner ? upload : null
  }

  /** Takes a file in and begins to read it, writing nothing. */
  add(owner: string, name: string, verify: boolean, file: Buffer, run: Run): Upload {
    const upload: Upload = {
      ...{ id: randomUUID(), owner, name, verify, lines: 0, bad: [], allLines: linesIn(file) },
      ...{ preview: null, isImporting: false, result: null, trouble: null },
    }
    const timer = setTimeout(() => this.#outlive(upload), KEPT_MS).unref()
    this.#kept.set(upload.id, { upload, file, timer })
    run(file, { dry_run: 'true', verify: String(verify) }, watcherOf(upload)).then(
      (outcome) => Object.assign(upload, { preview: outcome }),
      (trouble) => Object.assign(upload, { trouble }),
    )
    return upload
  }

  /** Begins to import; the file is forgotten as soon as that is done. */
  import(upload: Upload, skipBad: boolean, run: Run): void {
    const kept = this.#kept.get(upload.id)
    if (kept === undefined || upload.isImporting) return
    Object.assign(upload, { isImporting: true, lines: 0 })
    upload.bad.length = 0
    // The passwords were asked about when the file was read.
    run(kept.file, { skip_bad: String(skipBad) }, watcherOf(upload))
      .then(
        (outcome) => Object.assign(upload, { result: outcome }),
        (trouble) => Object.assign(upload, { trouble }),
      )
      .finally(() => kept.file.fill(0))
  }

  [Symbol.dispose](): void {
    for (const id of this.#kept.keys()) this.#forget(id)
  }

  #outlive(upload: Upload): void {
    if (isRunning(upload)) this.#kept.get(upload.id)?.timer.refresh()
    else this.#forget(upload.id)
  }

  #forget(id: string): void {
    const kept = this.#kept.get(id)
    clearTimeout(kept?.timer)
    kept?.file.fill(0)
    this.#kept.delete(id)
  }
}

function watcherOf(upload: Upload): ImportWatcher {
  return {
    async onBad(line) {
      if (upload.bad.length < BAD_SHOWN) upload.bad.push(line)
    },
    onProgress(lines) {
      upload.lines = lines
    },
  }
}
