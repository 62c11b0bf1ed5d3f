import { count } from '../../model/count.ts'

// Control, format and separator characters: a terminal would obey them, or show something else than there is.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Text with nothing in it that a terminal obeys. */
export function visible(text: string): string {
  return text.replace(UNSEEN, escaped)
}

/** Several lines, none of which a terminal obeys. */
export function visibleLines(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${visible(line)}\n`)
    .join('')
}

/** JSON on one line, any text in it as harmless to a terminal as it is to a parser. */
export function json(value: unknown): string {
  return JSON.stringify(value).replace(UNSEEN, escaped)
}

/** A field's value on one line. */
export function line(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (value instanceof Date) return value.toISOString()
  return visible(Array.isArray(value) ? value.join(', ') || '-' : String(value))
}

/** What is a number and counts nothing. */
const NAMES = /(?:^|_)port$/

/** A field's value as people read it: large numbers in groups, and of a time how long ago or ahead it is. */
export function told(value: unknown, name: string): string {
  if (typeof value === 'number' && !NAMES.test(name)) return count(value)
  if (value instanceof Date) return `${line(value)} (${distance(value)})`
  return line(value)
}

/** From now: "4 min ago", "in 2 h". */
export function distance(date: Date, now = Date.now()): string {
  const seconds = Math.abs(date.getTime() - now) / 1000
  const [unit, length] = UNITS.find(([, size]) => seconds >= size) ?? ['s', 1]
  const span = `${count(Math.floor(seconds / length))} ${unit}`
  return date.getTime() > now ? `in ${span}` : `${span} ago`
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
] as const

/** An object's fields, one a line. */
export function record(fields: Record<string, unknown>): string {
  const names = Object.keys(fields).map((name) => name.replaceAll('_', ' '))
  const width = Math.max(...names.map((name) => name.length))
  return Object.entries(fields)
    .map(([name, value], index) => `${names[index]?.padEnd(width)}  ${told(value, name)}\n`)
    .join('')
}

/** How wide the columns of a table are, and which of them hold numbers. */
export interface Layout {
  readonly widths: readonly number[]
  readonly isNumber: readonly boolean[]
}

const GAP = 2
const LEAST_WIDTH = 6
const NUMBER = /^(?:[\d,.]+(?: of [\d,]+)?|-)$/

/** @param rows with the heads first @param width of the terminal: the widest columns give way; null: as wide as needed */
export function layoutOf(rows: readonly (readonly string[])[], width: number | null): Layout {
  const [heads = [], ...others] = rows
  const widths = heads.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)))
  const isNumber = heads.map((_, column) => others.every((cells) => NUMBER.test(cells[column] ?? '')))
  return { widths: width === null ? widths : narrowed(widths, width), isNumber }
}

function narrowed(widths: readonly number[], room: number): number[] {
  const [all, widest] = [widths.reduce((sum, one) => sum + one + GAP, -GAP), Math.max(...widths)]
  if (all <= room || widest <= LEAST_WIDTH) return [...widths]
  const at = widths.indexOf(widest)
  return narrowed(widths.with(at, widest - 1), room)
}

/** @param paint changes how a cell looks, and not its width */
export function tableRow(
  cells: readonly string[],
  { widths, isNumber }: Layout,
  paint = (text: string, _column: number) => text,
): string {
  const fitted = cells.map((cell, column) => {
    const width = widths[column] ?? 0
    const text = cell.length > width ? `${cell.slice(0, width - 1)}…` : cell
    const room = ' '.repeat(width - text.length)
    return isNumber[column] ? room + paint(text, column) : paint(text, column) + room
  })
  return `${fitted.join(' '.repeat(GAP)).trimEnd()}\n`
}

/** A table as lines. Without rows, none. */
export function tableLines(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return []
  const cells = [heads.map((head) => head.toUpperCase()), ...rows.map((row) => row.map(visible))]
  const layout = layoutOf(cells, null)
  return cells.map((row) => tableRow(row, layout).trimEnd())
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`
  }).join('')
}
