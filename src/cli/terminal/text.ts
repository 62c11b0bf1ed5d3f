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

/** An object's fields, one a line. */
export function record(fields: Record<string, unknown>): string {
  const names = Object.keys(fields).map((name) => name.replaceAll('_', ' '))
  const width = Math.max(...names.map((name) => name.length))
  return Object.values(fields)
    .map((value, index) => `${names[index]?.padEnd(width)}  ${line(value)}\n`)
    .join('')
}

export function tableRow(cells: readonly string[], widths: readonly number[]): string {
  return `${cells
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join('  ')
    .trimEnd()}\n`
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`
  }).join('')
}
