import { defused } from '../../operations/csv-cell.ts'
import { json, line, record, tableRow, visible } from './text.ts'

/** Whoever reads the output has gone: `postferry … | head`. */
export class OutputClosed extends Error {}

/** The output cannot be written: a full disk. */
export class OutputError extends Error {}

/** How a list is printed: a JSON object per row, or some of its fields as columns. */
export interface ListShape<T> {
  readonly row: (item: T) => Record<string, unknown>
  readonly columns: readonly string[]
}

// What is printed at once.
const CHUNK_LENGTH = 32 * 1024
// Columns are as wide as these rows need.
const ROWS_MEASURED = 1_000

/** A broken pipe is told by the write that it breaks, not by an event that ends the process. */
export function armOutput(): void {
  process.stdout.on('error', () => undefined)
}

/** Resolves when the text has left, so that a slow reader slows down the writer. */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (!error) return resolve()
      const { code } = error as NodeJS.ErrnoException
      reject(code === 'EPIPE' ? new OutputClosed() : new OutputError(`cannot write the output (${code})`))
    })
  })
}

/** Prints one JSON array of all rows, or a table, row by row as they come. */
export async function printList<T>(
  items: AsyncIterable<T> | Iterable<T>,
  { row, columns }: ListShape<T>,
  { json: asJson }: { json?: boolean },
): Promise<void> {
  const rows = mapped(items, row)
  await printChunked(asJson ? jsonArray(rows) : table(rows, columns))
}

/** Prints one object, as JSON or field by field. */
export async function printRecord(fields: Record<string, unknown>, { json: asJson }: { json?: boolean }) {
  await print(asJson ? `${json(fields)}\n` : record(fields))
}

/** Prints what a command did: its result as JSON, or a sentence. */
export async function printDone(result: unknown, sentence: string, { json: asJson }: { json?: boolean }) {
  await print(asJson ? `${json(result)}\n` : `${visible(sentence)}\n`)
}

/** Prints all rows with all their fields as CSV (RFC 4180), the names first; no cell is a formula. */
export async function printCsv<T>(items: AsyncIterable<T> | Iterable<T>, { row }: Pick<ListShape<T>, 'row'>) {
  await printChunked(csv(mapped(items, row)))
}

async function* csv(rows: AsyncIterable<Record<string, unknown>>): AsyncGenerator<string> {
  let header = true
  for await (const row of rows) {
    if (header) yield csvLine(Object.keys(row))
    header = false
    yield csvLine(Object.values(row).map(cellOf))
  }
}

function cellOf(value: unknown): string {
  if (value === null) return ''
  return typeof value === 'number' ? line(value) : defused(line(value))
}

function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => (/[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\r\n`
}

async function printChunked(pieces: AsyncIterable<string>): Promise<void> {
  let chunk = ''
  for await (const piece of pieces) {
    chunk += piece
    if (chunk.length < CHUNK_LENGTH) continue
    await print(chunk)
    chunk = ''
  }
  await print(chunk)
}

async function* mapped<T, U>(items: AsyncIterable<T> | Iterable<T>, change: (item: T) => U): AsyncGenerator<U> {
  for await (const item of items) yield change(item)
}

async function* jsonArray(rows: AsyncIterable<object>): AsyncGenerator<string> {
  let before = '[\n'
  for await (const row of rows) {
    yield before + json(row)
    before = ',\n'
  }
  yield before === '[\n' ? '[]\n' : '\n]\n'
}

async function* table(rows: AsyncIterable<Record<string, unknown>>, columns: readonly string[]) {
  const measured: string[][] = [columns.map((column) => column.replaceAll('_', ' ').toUpperCase())]
  let widths: number[] | null = null
  for await (const row of rows) {
    const cells = columns.map((column) => line(row[column]))
    if (widths === null) {
      measured.push(cells)
      if (measured.length <= ROWS_MEASURED) continue
      widths = widthsOf(measured)
      yield measured.map((cells) => tableRow(cells, widths ?? [])).join('')
    } else yield tableRow(cells, widths)
  }
  if (widths === null) yield measured.map((cells) => tableRow(cells, widthsOf(measured))).join('')
}

function widthsOf(rows: readonly string[][]): number[] {
  return (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)))
}
