import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { Refused } from '../../model/refused.ts'
import type { BackedUp, Pieces } from '../../operations/backups.ts'
import { Counter, checkFooter, damaged, digest, type Header, parseHeader, type Tally } from './format.ts'

const NEW_LINE = 10
const [BACKSLASH, DOT] = [0x5c, 0x2e]
/** A longer first line is no header. */
const LINE_LIMIT = 16 * 1024 * 1024

/** Hands what a backup holds to `use`, piece by piece. @throws Refused when it is no whole, unaltered backup */
export async function readBackup<T>(pieces: Pieces, use: (backup: BackupReader) => Promise<T>): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<T>()
  try {
    await pipeline(pieces, createGunzip(), async (unpacked: AsyncIterable<Buffer>) => {
      resolve(await use(await BackupReader.open(unpacked[Symbol.asyncIterator]())))
    })
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'Z_BUF_ERROR') throw damaged('it ends too soon')
    if (code.startsWith('Z_')) throw new Refused('invalid', 'this is no backup of postferry, or it is damaged')
    throw error
  }
  return await promise
}

/** Reads a backup to its end. @throws Refused when it is not whole and unaltered */
export async function checkBackup(pieces: Pieces): Promise<BackedUp> {
  return await readBackup(pieces, async (backup) => {
    const { made_at, upgrades, tables } = backup.header
    for (const { name } of tables) for await (const _ of backup.rows(name));
    return { madeAt: new Date(made_at), upgrade: upgrades.at(-1)?.name ?? '', tables: await backup.end() }
  })
}

/** Its tables have to be read in their order, and then its end. */
export class BackupReader {
  readonly header: Header
  readonly #headerDigest: string
  readonly #lines: Lines
  readonly #tallies: Tally[] = []

  private constructor(header: Header, headerDigest: string, lines: Lines) {
    this.header = header
    this.#headerDigest = headerDigest
    this.#lines = lines
  }

  static async open(pieces: AsyncIterator<Buffer>): Promise<BackupReader> {
    const lines = new Lines(pieces)
    const first = await lines.next()
    return new BackupReader(parseHeader(first.toString()), digest(first), lines)
  }

  /** The rows of the next table, as COPY reads them. */
  async *rows(name: string): AsyncGenerator<Buffer> {
    const counter = new Counter()
    for await (const chunk of this.#lines.untilEndOfTable()) {
      counter.add(chunk)
      yield chunk
    }
    this.#tallies.push(counter.tally(name))
  }

  /** What all tables held. @throws Refused when that is not what was written */
  async end(): Promise<readonly Tally[]> {
    checkFooter((await this.#lines.next()).toString(), this.#headerDigest, this.#tallies)
    await this.#lines.end()
    return this.#tallies
  }
}

class Lines {
  readonly #pieces: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(pieces: AsyncIterator<Buffer>) {
    this.#pieces = pieces
  }

  /** The next line, with its end. */
  async next(): Promise<Buffer> {
    for (;;) {
      const end = this.#rest.indexOf(NEW_LINE)
      if (end !== -1) return this.#take(end + 1)
      if (this.#rest.length > LINE_LIMIT) throw new Refused('invalid', 'this is no backup of postferry')
      await this.#more()
    }
  }

  /** Whole lines, until the one that ends a table. */
  async *untilEndOfTable(): AsyncGenerator<Buffer> {
    for (;;) {
      const { whole, ends } = this.#wholeLines()
      if (whole > 0) yield this.#take(whole)
      if (ends) {
        this.#take(3)
        return
      }
      await this.#more()
    }
  }

  /** Nothing may follow. */
  async end(): Promise<void> {
    if (this.#rest.length > 0 || !(await this.#pieces.next()).done) throw damaged('something follows its end')
  }

  /** How many bytes are whole lines before the end of the table, if that is here. */
  #wholeLines(): { whole: number; ends: boolean } {
    let start = 0
    for (let end = this.#rest.indexOf(NEW_LINE); end !== -1; end = this.#rest.indexOf(NEW_LINE, start)) {
      const isEnd = end - start === 2 && this.#rest[start] === BACKSLASH && this.#rest[start + 1] === DOT
      if (isEnd) return { whole: start, ends: true }
      start = end + 1
    }
    return { whole: start, ends: false }
  }

  #take(bytes: number): Buffer {
    const taken = this.#rest.subarray(0, bytes)
    this.#rest = this.#rest.subarray(bytes)
    return taken
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#pieces.next()
    if (done) throw damaged('it ends too soon')
    this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value])
  }
}
