/** What a terminal has room for. */
export interface Room {
  readonly columns: number
  readonly rows: number
}

export interface Drawing {
  readonly text: string
  /** So many lines are drawn over next time. */
  readonly lines: number
}

/**
 * Draws over what was drawn before, from its first line on: no more than there is room for, because the first line has to
 * stay in sight.
 * @param drawn lines that stand there; 0: none
 */
export function redrawn(lines: readonly string[], drawn: number, { columns, rows }: Room): Drawing {
  // The cursor has a line of its own.
  const room = Math.max(1, rows - 1)
  const hidden = lines.length - room
  const shown = hidden <= 0 ? lines : [...lines.slice(0, room - 1), `… ${hidden + 1} more lines`]
  const cut = shown.map((line) => line.slice(0, columns - 1))
  const back = drawn === 0 ? '' : `\x1b[${drawn}A\r`
  return { text: `${back}\x1b[J${cut.join('\n')}\n`, lines: cut.length }
}
