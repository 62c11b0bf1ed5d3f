import { styleText } from 'node:util'

// styleText leaves the colour out where NO_COLOR is set or standard output is no terminal.
export const bold = (text: string) => styleText('bold', text)
export const dim = (text: string) => styleText('dim', text)
export const green = (text: string) => styleText('green', text)
export const red = (text: string) => styleText('red', text)

const MARGIN = '   '
let steps = 0

/** Begins the next numbered step. */
export function step(title: string): void {
  print(`\n${bold(String(++steps).padEnd(MARGIN.length) + title)}\n`)
}

export function say(text: string): void {
  print(text.replace(/^(?=.)/gm, MARGIN).trimEnd())
}

/** A cell of a table; numbers stand at the right. */
export type Cell = string | number

/** Rows below their headings, in columns that are as wide as they must be. */
export function table(headings: string[], rows: Cell[][]): void {
  const all: Cell[][] = [headings, ...rows]
  const widths = headings.map((_, column) => Math.max(...all.map((row) => widthOf(String(row[column] ?? '')))))
  const lines = all.map((row) =>
    row
      .map((cell, at) => aligned(cell, widths[at] ?? 0, rows[0]?.[at]))
      .join('  ')
      .trimEnd(),
  )
  say([dim(lines[0] ?? ''), ...lines.slice(1)].join('\n'))
}

/** The columns of the terminal; enough for a table where there is none. */
export function columns(): number {
  return process.stdout.columns ?? 100
}

/** The text in so many columns: its middle is left out where it is longer. */
export function shortened(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  const characters = charactersOf(text)
  const tail = Math.floor((width - 1) / 3)
  return `${within(characters, width - 1 - tail)}…${within(characters.toReversed(), tail, true)}`
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** A cell looks like the one below the heading: a heading over numbers stands at the right, too. */
function aligned(cell: Cell, width: number, first: Cell | undefined): string {
  const text = String(cell)
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)))
  if (typeof first === 'number') return blanks + (cell === 0 ? dim(text) : text)
  return text + blanks
}

function within(characters: string[], width: number, backwards = false): string {
  let text = ''
  for (const character of characters) {
    const longer = backwards ? character + text : text + character
    if (widthOf(longer) > width) break
    text = longer
  }
  return text
}

const WIDE =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60])/u
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is how colours begin
const COLOUR = /\x1b\[\d+m/g

/** How many columns a terminal takes for the text: two for an ideograph or emoji, none for a colour. */
function widthOf(text: string): number {
  return charactersOf(text.replace(COLOUR, '')).reduce((sum, character) => sum + (WIDE.test(character) ? 2 : 1), 0)
}

/** What a reader takes for one character, accents included. */
function charactersOf(text: string): string[] {
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment)
}
