import { createHash, type Hash } from 'node:crypto'
import { Refused } from '../../model/refused.ts'
import type { Belonging } from '../../operations/backups.ts'
import type { Upgrade } from '../connection/upgrades.ts'

// A backup is one gzip stream of UTF-8 lines: a header, as JSON; the rows of each table that it names, in that order, as
// COPY writes them as text, each table ended by `\.`; and a footer, as JSON: rows and digests are known only then.

export const FORMAT = 'postferry backup'
export const FORMAT_VERSION = 1
export const END_OF_TABLE = '\\.\n'

export interface Header {
  readonly format: typeof FORMAT
  readonly version: number
  /** The program that made it. */
  readonly postferry: string
  /** PostgreSQL's version. */
  readonly server: string
  readonly made_at: string
  /** The schema: what had been applied. */
  readonly upgrades: readonly Pick<Upgrade, 'number' | 'name' | 'sha256'>[]
  /** Each refers to earlier ones only. */
  readonly tables: readonly Columns[]
  /** What to save besides. */
  readonly outside: readonly Belonging[]
}

export interface Columns {
  readonly name: string
  readonly columns: readonly string[]
}

/** What was written of a table. */
export interface Tally {
  readonly name: string
  readonly rows: number
  readonly sha256: string
}

export interface Footer {
  /** SHA-256 of the header's line. */
  readonly header: string
  readonly tables: readonly Tally[]
}

/** COPY writes and reads the same text under these, whatever else the server is set to. */
export const PORTABLE = `set client_encoding = 'UTF8'; set datestyle = 'ISO'; set intervalstyle = 'postgres';
  set timezone = 'UTC'; set extra_float_digits = 1; set bytea_output = 'hex'; set statement_timeout = 0`

/** The beginning of a COPY statement. */
export function copyOf({ name, columns }: Columns): string {
  return `copy ${quoted(name)} (${columns.map(quoted).join(', ')})`
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function jsonLine(value: Header | Footer): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`)
}

export function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

const NEW_LINE = 10

/** Counts the rows of a table while they pass. */
export class Counter {
  readonly #hash: Hash = createHash('sha256')
  #rows = 0

  get rows(): number {
    return this.#rows
  }

  /** COPY writes a row as one line. */
  add(chunk: Uint8Array): void {
    this.#hash.update(chunk)
    for (let at = chunk.indexOf(NEW_LINE); at !== -1; at = chunk.indexOf(NEW_LINE, at + 1)) this.#rows++
  }

  tally(name: string): Tally {
    return { name, rows: this.#rows, sha256: this.#hash.digest('hex') }
  }
}

/** @throws Refused unless this program reads what this header begins */
export function parseHeader(line: string): Header {
  const header = parsed(line) as Partial<Header> | null
  if (header?.format !== FORMAT) throw new Refused('invalid', 'this is no backup of postferry')
  if (header.version !== FORMAT_VERSION) {
    const by = `postferry ${header.postferry}`
    throw new Refused(
      'invalid',
      `the backup was made by ${by}, in a way that this program does not know: restore it there`,
    )
  }
  if (!Array.isArray(header.upgrades) || !Array.isArray(header.tables)) throw damaged('its header is not whole')
  return header as Header
}

/** @throws Refused unless header and tables are what the footer says */
export function checkFooter(line: string, header: string, tables: readonly Tally[]): void {
  const footer = parsed(line) as Partial<Footer> | null
  if (footer?.header !== header) throw damaged('its header was altered')
  const expected = footer.tables ?? []
  const altered = tables.find(({ name, rows, sha256 }, index) => {
    const written = expected[index]
    return written?.name !== name || written.rows !== rows || written.sha256 !== sha256
  })
  if (altered !== undefined) throw damaged(`table ${altered.name} was altered`)
}

export function damaged(how: string): Refused {
  return new Refused('invalid', `the backup is damaged: ${how}. Nothing was changed; take another one`)
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
