import { setTimeout as wait } from 'node:timers/promises'
import { within } from '../../model/timeout.ts'
import { type Board, makeBoard } from '../../operations/board.ts'
import type { Deps } from '../../operations/deps.ts'
import { boardHead, boardLines } from '../terminal/board-text.ts'
import { CALLER } from '../terminal/operation-command.ts'
import { print } from '../terminal/output.ts'
import { json } from '../terminal/text.ts'
import { stopSignal } from './sync-one.ts'

const LOOK_MS = 2_000
/** Where nothing can be drawn in place, a few lines now and then are enough. */
const LINES_MS = 10_000
const WIDTH = 80
const HEALTH_LIMIT_MS = 10_000

export async function printBoard(deps: Deps, options: { readonly json?: boolean }): Promise<void> {
  // Whoever looks once waits until the old servers have answered.
  await within(HEALTH_LIMIT_MS, deps.health()).catch(() => undefined)
  const board = await deps.perform(makeBoard, {}, CALLER())
  await print(options.json ? `${await inJson(board)}\n` : `${boardLines(board).join('\n')}\n`)
}

/** Shows the board until it is stopped: in place on a terminal, elsewhere its first lines, or JSON objects. */
export async function watchBoard(deps: Deps, options: { readonly json?: boolean }): Promise<void> {
  const stop = stopSignal()
  const { isTTY, columns = WIDTH } = process.stdout
  const isDrawn = isTTY && !options.json
  for (let drawn = 0; !stop.aborted; ) {
    const board = await deps.perform(makeBoard, {}, CALLER())
    const lines = boardLines(board).map((line) => line.slice(0, columns - 1))
    if (options.json) await print(`${await inJson(board)}\n`)
    else if (isDrawn) await print(`${drawn === 0 ? '' : `\x1b[${drawn}A`}\x1b[J${lines.join('\n')}\n`)
    else await print(`${board.at.toISOString()} ${boardHead(board).join(' ')}\n`)
    drawn = lines.length
    await wait(isDrawn ? LOOK_MS : LINES_MS, undefined, { signal: stop }).catch(() => undefined)
  }
}

async function inJson(board: Board): Promise<string> {
  return json(await makeBoard.answer.row(board))
}
