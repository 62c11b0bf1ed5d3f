import { setImmediate as jobOfOthers } from 'node:timers/promises'
import { parse } from 'csv-parse/sync'
import { parseAddress } from '../model/address.ts'
import { parseSize } from '../model/quota.ts'
import { Refused } from '../model/refused.ts'
import { isPassword, isUsername } from '../model/texts.ts'
import { undefused } from './csv-cell.ts'
import { COLUMNS, type Column, headerIn } from './import-header.ts'
import type { BadLine, PersonLine } from './import-people.ts'

// No field holds a line break, so a line is a record, and a mistake in one line hurts no other.

// Longer than the longest line that makes sense, with every character of it escaped.
const LINE_BYTES = 8 * 1024
const PIECE_BYTES = 64 * 1024
const NEWLINE = 0x0a
const NOTHING = Buffer.alloc(0)
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const BOM = '\ufeff'

/** What the file's first line says about the others. */
interface Layout {
  readonly columns: readonly Column[]
  /** Null: each line tells, by what comes after its address. */
  readonly delimiter: string | null
}

/**
 * The people of a CSV file (RFC 4180, UTF-8) with the columns address, old_username, old_password and quota, of which
 * all but the first may be missing or empty; `;` and tabs part fields as well as `,`. Address and user name may be
 * defused, as our own exports have them; a password is taken as it stands. What a line says is never repeated.
 * @throws Refused when the header names another column, or when the file says nothing of anybody
 */
export async function* readPeople(input: AsyncIterable<Uint8Array>): AsyncGenerator<PersonLine | BadLine> {
  let told = 0
  let layout: Layout | null = null
  for await (const { number, text, flaw } of textLinesOf(input)) {
    if (text?.trim() === '') continue
    if (layout === null) {
      const header: Layout | null = text === null ? null : layoutIn(text)
      layout = header ?? { columns: COLUMNS, delimiter: null }
      if (header !== null) continue
    }
    const line = text === null ? { reason: flaw } : personIn(text, layout)
    if (line === null) continue
    told++
    yield { number, ...line }
  }
  if (told === 0) throw new Refused('invalid', 'the file names nobody')
}

/** Lines by their numbers; those without text have a flaw. */
export async function* textLinesOf(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly number: number; readonly text: string | null; readonly flaw: string }> {
  let number = 0
  for await (const lines of linesOf(input)) {
    for (const bytes of lines) {
      number++
      const text = bytes && decoded(bytes, number === 1)
      yield { number, text, flaw: text === null ? unreadable(bytes) : '' }
    }
  }
}

/**
 * A file that is in memory, piece by piece: between them the process does whatever else it has to.
 * @param before called before each of them; what it throws ends the reading
 */
export async function* piecesOf(file: Uint8Array, before: () => void = () => undefined): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < file.length; start += PIECE_BYTES) {
    await jobOfOthers()
    before()
    yield file.subarray(start, start + PIECE_BYTES)
  }
}

/** Lines without their ends, those of a chunk together; null for one that is too long. */
async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<(Buffer | null)[]> {
  let begun: Buffer = NOTHING
  let tooLong = false
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const lines: (Buffer | null)[] = []
    let start = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      const ending = bytes.subarray(start, end)
      const line = begun.length === 0 ? ending : Buffer.concat([begun, ending])
      lines.push(tooLong || line.length > LINE_BYTES ? null : line)
      start = end + 1
      begun = NOTHING
      tooLong = false
    }
    yield lines
    const rest = bytes.subarray(start)
    tooLong ||= begun.length + rest.length > LINE_BYTES
    begun = tooLong ? NOTHING : Buffer.concat([begun, rest])
  }
  if (tooLong || begun.length > 0) yield [tooLong ? null : begun]
}

/** The text of a line, or null when it is not UTF-8. */
function decoded(bytes: Buffer, first: boolean): string | null {
  try {
    const text = UTF8.decode(bytes).replace(/\r$/, '')
    return first && text.startsWith(BOM) ? text.slice(BOM.length) : text
  } catch {
    return null
  }
}

function unreadable(bytes: Buffer | null): string {
  return bytes === null ? `it is longer than ${LINE_BYTES} bytes` : 'it is not UTF-8'
}

/** What a header says, or null when the line is none. */
function layoutIn(text: string): Layout | null {
  const delimiter = delimiterIn(text)
  const columns = headerIn(fieldsOf(text, delimiter) ?? [])
  return columns && { columns, delimiter }
}

export function delimiterIn(text: string): string {
  return /[,;\t]/.exec(text)?.[0] ?? ','
}

/** The fields of a line, or null when its quotes do not fit together. */
export function fieldsOf(text: string, delimiter: string): string[] | null {
  try {
    return (parse(text, { delimiter, relax_column_count: true, record_delimiter: '\n' }) as string[][])[0] ?? []
  } catch {
    return null
  }
}

/** What a line says about a person, why it cannot be read, or null when it says nothing. */
function personIn(text: string, { columns, delimiter }: Layout) {
  const fields = fieldsOf(text, delimiter ?? delimiterIn(text))
  if (fields === null) return { reason: 'its quotes do not fit together: write "a ""quoted"" word"' }
  if (fields.every((field) => field === '')) return null
  if (fields.slice(columns.length).some((field) => field !== '')) return { reason: 'it has too many fields' }
  const field = (name: Column) => fields[columns.indexOf(name)] || null
  const [address, oldUsername, password, quota] = [
    parseAddress(undefused(field('address') ?? '')),
    undefused(field('old_username') ?? '') || null,
    field('old_password'),
    field('quota'),
  ]
  const quotaBytes = quota === null ? null : parseSize(quota.trim())
  if (address === null) return { reason: 'its address is no mail address' }
  if (oldUsername !== null && !isUsername(oldUsername))
    return { reason: 'its old user name is too long, or not one line' }
  if (password !== null && !isPassword(password)) return { reason: 'its password is too long, or not one line' }
  if (quota !== null && quotaBytes === null) return { reason: 'its quota is no size, as 500M or 2G' }
  return { address, oldUsername, password, quotaBytes }
}
