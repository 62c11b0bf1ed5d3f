import { setTimeout as wait } from 'node:timers/promises'
import { within } from '../../model/timeout.ts'
import { type Board, makeBoard } from '../../operations/board.ts'
import type { Deps } from '../../operations/deps.ts'
import { boardHead, boardLines } from '../terminal/board-text.ts'
import { CALLER } from '../terminal/operation-command.ts'
import { print } from '../terminal/output.ts'
import { redrawn } from '../terminal/redraw.ts'
import { statesInColour } from '../terminal/state-colour.ts'
import { stopSignal } from '../terminal/stop-signal.ts'
import { json } from '../terminal/text.ts'

const LOOK_MS = 2_000
/** Where nothing can be drawn in place, a few lines now and then are enough. */
const LINES_MS = 10_000
const WIDTH = 80
const HEIGHT = 24
const HEALTH_LIMIT_MS = 10_000

export async function printBoard(deps: Deps, options: { readonly json?: boolean }): Promise<void> {
  // Whoever looks once waits until the old servers have answered.
  await within(HEALTH_LIMIT_MS, deps.health()).catch(() => undefined)
  const board = await deps.perform(makeBoard, {}, CALLER())
  await print(options.json ? `${await inJson(board)}\n` : statesInColour(`${boardLines(board).join('\n')}\n`))
}

/** Shows the board until it is stopped: in place on a terminal, elsewhere its first lines, or JSON objects. */
export async function watchBoard(deps: Deps, options: { readonly json?: boolean }): Promise<void> {
  const stop = stopSignal()
  const isDrawn = process.stdout.isTTY && !options.json
  for (let drawn = 0; !stop.aborted; ) {
    const board = await deps.perform(makeBoard, {}, CALLER())
    if (options.json) await print(`${await inJson(board)}\n`)
    else if (isDrawn) {
      const { columns = WIDTH, rows = HEIGHT } = process.stdout
      const drawing = redrawn(boardLines(board), drawn, { columns, rows })
      drawn = drawing.lines
      await print(statesInColour(drawing.text))
    } else await print(`${board.at.toISOString()} ${boardHead(board).join(' ')}\n`)
    await wait(isDrawn ? LOOK_MS : LINES_MS, undefined, { signal: stop }).catch(() => undefined)
  }
}

async function inJson(board: Board): Promise<string> {
  return json(await makeBoard.answer.row(board))
}
