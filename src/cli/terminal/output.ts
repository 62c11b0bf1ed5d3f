import type { State } from '../../model/migration.ts'
import { defused } from '../../operations/csv-cell.ts'
import { inColour, withSign } from './state-colour.ts'
import { json, type Layout, layoutOf, line, record, tableRow, told, visible } from './text.ts'

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

/** What cannot be written is told by the write, not by an event that ends the process. */
export function armOutput(): void {
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined)
}

/** Resolves when the text has left, so that a slow reader slows down the writer. */
export function print(text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (!error) return resolve()
      const { code } = error as NodeJS.ErrnoException
      reject(code === 'EPIPE' ? new OutputClosed() : new OutputError(`cannot write the output (${code})`))
    })
  })
}

/** Prints piece by piece. */
export async function printAll(pieces: AsyncIterable<string | Uint8Array>): Promise<void> {
  for await (const piece of pieces) await print(piece)
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
  const stateColumn = columns.indexOf('state')
  let layout: Layout | null = null
  for await (const row of rows) {
    const cells = columns.map((column) => cellFor(row[column], column))
    if (layout === null) {
      measured.push(cells)
      if (measured.length <= ROWS_MEASURED) continue
      layout = layoutOf(measured, terminalWidth())
      yield* measured.map((cells) => laidOut(cells, layout as Layout, stateColumn))
    } else yield laidOut(cells, layout, stateColumn)
  }
  if (layout !== null) return
  const known = layoutOf(measured, terminalWidth())
  yield* measured.map((cells) => laidOut(cells, known, stateColumn))
}

/** As people read it: large numbers in groups, a state with its sign, a time with how long ago it was. */
function cellFor(value: unknown, column: string): string {
  if (column === 'state' && process.stdout.isTTY) return withSign(value as State)
  return told(value, column)
}

/** Null: it is no terminal, and nothing is cut off. */
function terminalWidth(): number | null {
  return process.stdout.isTTY ? process.stdout.columns || 80 : null
}

/** The colour of a state comes after everything was measured. */
function laidOut(cells: readonly string[], layout: Layout, stateColumn: number): string {
  return tableRow(cells, layout, (text, column) => (column === stateColumn ? inColour(text) : text))
}
