import { count, people } from '../../model/count.ts'
import { STATES } from '../../model/migration.ts'
import type { Board, BoardSource } from '../../operations/board.ts'
import { verdictText } from '../../operations/board-verdict.ts'
import { megabytes, progressParts } from '../../operations/progress-words.ts'
import { withSign } from './state-colour.ts'
import { tableLines, visible } from './text.ts'

const RUNNING_SHOWN = 8

/** The first lines of the board: how it goes, how far it is, and when it is over. */
export function boardHead(board: Board): string[] {
  return [`${verdictText(board.verdict)}.`, progressText(board), statesText(board), copyingText(board)].map(visible)
}

/** All of the board, a line each. */
export function boardLines(board: Board): string[] {
  const { sources, needs, retrying, running, at } = board
  const parts = [
    boardHead(board),
    tableLines(
      ['old server', 'health', 'connections', 'errors in 10 min', 'waiting', 'messages/s'],
      sources.map(sourceCells),
    ),
    tableLines(
      ['proxied', 'mirrored', 'ready', 'held', 'to be flipped', 'flipped', 'flips/min'],
      sources.flatMap(flipCells),
    ),
    tableLines(
      ['people', 'what stops them', 'code', 'what to do'],
      needs.map(({ people, what, code, step }) => [count(people), what, code, step]),
    ),
    tableLines(
      ['people', 'tried again by itself', 'old server', 'next'],
      retrying.map(({ people, code, provider, nextAt }) => [count(people), code, provider, clock(nextAt, at)]),
    ),
    tableLines(
      ['copying now', 'old server', 'since', 'how far'],
      running.slice(0, RUNNING_SHOWN).map(({ address, provider, messages, startedAt, progress }) => {
        const far = progress === null ? `${count(messages)} messages` : progressParts(progress).join(', ')
        return [address, provider, clock(startedAt, at), far]
      }),
    ),
  ]
  return parts.filter((lines) => lines.length > 0).flatMap((lines, at) => (at === 0 ? lines : ['', ...lines]))
}

function progressText({ people: { across, unflipped, all, acrossLastHour, neverCame, cameLastHour } }: Board): string {
  const came = `${count(neverCame)} not signed in yet, ${count(cameLastHour)} came in the last hour`
  const left = unflipped === 0 ? '' : `${count(unflipped)} not flipped yet; `
  return `${count(across)} of ${people(all)} across, ${count(acrossLastHour)} in the last hour; ${left}${came}`
}

function statesText({ people: { states } }: Board): string {
  return STATES.map((state) => `${count(states[state])} ${withSign(state)}`).join('  ')
}

function copyingText({
  people: { copying, waiting },
  messagesPerSecond,
  bytesPerSecond,
  end,
  endWithout,
  at,
}: Board): string {
  const bytes = bytesPerSecond > 0 ? `, ${megabytes(bytesPerSecond)}/s` : ''
  const rate = `${count(Math.round(messagesPerSecond))} messages/s${bytes}`
  const without = endWithout.length === 0 ? '' : `, without ${endWithout.join(', ')}`
  const ends =
    end === null ? '' : `; copying ends between ${clock(end.earliest, at)} and ${clock(end.latest, at)}${without}`
  return `${count(copying)} copied now, ${rate}, ${count(waiting)} waiting${ends}`
}

function sourceCells(source: BoardSource): string[] {
  const { provider, health, why, connections, errors, waiting, messagesPerSecond } = source
  const { allowed, signIn, copying } = connections
  return [
    provider,
    why === null ? health : `${health}: ${why}`,
    `${signIn + copying} of ${allowed}`,
    errors.map(({ code, count: number }) => `${count(number)} ${code}`).join(', ') || '0',
    count(waiting),
    count(Math.round(messagesPerSecond)),
  ]
}

function flipCells({ provider, flips }: BoardSource): string[][] {
  if (flips === null) return []
  const { isAuto, mirrored, atSource, ready, held, requested, flipped, flippedLastTenMinutes } = flips
  const wave = isAuto ? 'who is ready' : count(requested)
  const perMinute = (flippedLastTenMinutes / 10).toFixed(1)
  return [
    [provider, `${count(mirrored)} of ${count(atSource)}`, count(ready), count(held), wave, count(flipped), perMinute],
  ]
}

/** The time of day, with the day where it is another one. */
function clock(date: Date, now: Date): string {
  const isToday = date.toDateString() === now.toDateString()
  const time = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
  return date.toLocaleString('en-GB', isToday ? time : { ...time, weekday: 'short', day: 'numeric', month: 'short' })
}
