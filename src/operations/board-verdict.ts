import { count, people as peopleText } from '../model/count.ts'
import type { BoardPeople, BoardSource, Verdict } from './board.ts'
import type { BoardLook } from './board-look.ts'

/** With less than this part of what it was before, it is slowing down. */
const SLOW_SHARE = 0.5
const RECENT_MINUTES = 5

/** Whether it goes well, and what is the matter otherwise. Pure. */
export function verdictOf(look: BoardLook, people: BoardPeople, sources: readonly BoardSource[]): Verdict {
  if (people.all === 0) return { going: 'empty', why: [] }
  const why = [...withoutWorkers(look, people), ...sources.flatMap(awayText)]
  const isWaiting = people.waiting + people.copying > 0
  const canGoOn = look.workers.length > 0 && sources.some(({ health, waiting }) => waiting > 0 && health !== 'away')
  if (people.waiting > 0 && people.copying === 0 && !canGoOn) return { going: 'stopped', why }
  const slow = sources.flatMap((source) => slowText(source, look))
  if (why.length + slow.length > 0) return { going: 'slowing', why: [...why, ...slow] }
  if (isWaiting) return { going: 'well', why }
  return { going: people.across === people.all ? 'over' : 'quiet', why }
}

function withoutWorkers({ workers }: BoardLook, { waiting }: BoardPeople): string[] {
  return workers.length > 0 || waiting === 0 ? [] : [`no "postferry sync" runs, and ${waits(waiting)}`]
}

function awayText({ provider, health, why, waiting, neverCame }: BoardSource): string[] {
  if (health !== 'away') return []
  const whom = [waiting > 0 && waits(waiting), neverCame > 0 && `${count(neverCame)} more cannot come`]
  return [[`${provider} does not answer (${why})`, ...whom.filter((text) => text !== false)].join(', ')]
}

function waits(number: number): string {
  return `${peopleText(number)} ${number === 1 ? 'waits' : 'wait'} for a copy`
}

/** Only where the same number of people is copied: fewer people at the end are no slower server. */
function slowText({ provider, health, waiting }: BoardSource, { sources }: BoardLook): string[] {
  const { minutes = [] } = sources.find((one) => one.provider === provider) ?? {}
  const [before, recent] = [minutes.slice(0, -RECENT_MINUTES), minutes.slice(-RECENT_MINUTES)].map(perSlot)
  if (health === 'away' || waiting === 0 || !before || recent === undefined) return []
  if (recent >= SLOW_SHARE * before) return []
  const rates = `${count(Math.round(recent))} messages a minute and person, ${count(Math.round(before))} before`
  return [`${provider} has become slower: ${rates}`]
}

function perSlot(minutes: readonly { readonly messages: number; readonly slots: number }[]): number {
  const sum = (of: (one: (typeof minutes)[number]) => number) => minutes.reduce((all, one) => all + of(one), 0)
  return (
    sum(({ messages }) => messages) /
    Math.max(
      1,
      sum(({ slots }) => slots),
    )
  )
}

const GOING: Readonly<Record<Verdict['going'], string>> = {
  empty: 'Nobody is expected yet',
  over: 'Everybody is across',
  quiet: 'All is well, and nobody waits',
  well: 'It is going well',
  slowing: 'It is slowing down',
  stopped: 'It has stopped',
}

/** One sentence, without the full stop. */
export function verdictText({ going, why }: Verdict): string {
  return [GOING[going], why.join('; ')].filter((text) => text !== '').join(': ')
}
