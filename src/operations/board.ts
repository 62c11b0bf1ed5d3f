import type { CopyingHosts } from '../copying/copying-hosts.ts'
import { messagesLeft, type Remaining, remaining, type Work } from '../model/estimate.ts'
import { STATES, type State } from '../model/migration.ts'
import type { BoardLook, Boards, HEALTHS, Running, SourceLook } from './board-look.ts'
import { type Need, needsOf } from './board-needs.ts'
import { BoardSchema, boardRow } from './board-row.ts'
import { verdictOf } from './board-verdict.ts'
import type { Collision, Collisions } from './collisions.ts'
import { operation } from './operation.ts'
import type { ProviderHealth } from './provider-health.ts'
import { the } from './schema.ts'

// What an administrator asks on the day: is it going well, when is it over, who is stuck, what do I do, how is the old server?

/** How the move goes at this moment. */
export interface Board extends Pick<BoardLook, 'at' | 'retrying' | 'running' | 'workers'> {
  readonly verdict: Verdict
  readonly people: BoardPeople
  /** When everybody who is here is copied; null: nobody waits, or nobody knows. */
  readonly end: { readonly earliest: Date; readonly latest: Date } | null
  /** Old servers for which people wait and that are away: nobody knows when they are over. */
  readonly endWithout: readonly string[]
  /** Copied in a second, in the last minutes. */
  readonly messagesPerSecond: number
  /** Of those who are copied at this moment. */
  readonly bytesPerSecond: number
  readonly messagesLeft: number
  readonly sources: readonly BoardSource[]
  /** What stops people until somebody acts: the most people first. */
  readonly needs: readonly Need[]
}

/** In one sentence: nobody is there yet, everybody is across, nobody waits, it goes well, it slows down, it stands. */
export interface Verdict {
  readonly going: 'empty' | 'over' | 'quiet' | 'well' | 'slowing' | 'stopped'
  /** What is the matter where it does not go well. */
  readonly why: readonly string[]
}

export interface BoardPeople {
  readonly all: number
  readonly states: Readonly<Record<State, number>>
  /** Synced or done, and not at the old server any more. */
  readonly across: number
  /** Synced, and works on the old server still: comes across by a flip. */
  readonly unflipped: number
  readonly acrossLastHour: number
  readonly neverCame: number
  readonly cameLastHour: number
  /** For their first copy, besides those who are copied at this moment. */
  readonly waiting: number
  readonly copying: number
  /** Until somebody acts. */
  readonly stopped: number
}

/** How an old server is. */
export interface BoardSource extends Pick<SourceLook, 'provider' | 'connections' | 'errors' | 'flips'> {
  readonly health: (typeof HEALTHS)[number]
  /** Why it is away. */
  readonly why: string | null
  readonly since: Date | null
  /** How many people wait for it, and how many cannot come while it is away. */
  readonly waiting: number
  readonly neverCame: number
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
  /** Of its certificate. */
  readonly daysLeft: number | null
}

export interface BoardDeps {
  readonly boards: Boards
  readonly collisions: Pick<Collisions, 'wanted'>
  readonly copyingHosts: Pick<CopyingHosts, 'stranded'>
  /** What is known of each provider by now; whoever is not known is being asked. */
  latestHealth(): Promise<readonly ProviderHealth[]>
}

export const makeBoard = operation({
  ...{ name: 'board', permission: 'see', fields: {} },
  summary: 'Tell how the move goes at this moment: when it is over, what needs somebody, how the old servers are',
  answer: { schema: the(BoardSchema), row: boardRow },
  // One question after the other: sign-ins need the database's connections more.
  run: async (_, { boards, collisions, copyingHosts, latestHealth }: BoardDeps) => {
    const look = await boards.look()
    const stranded = await copyingHosts.stranded({})
    return boardOf(look, { stranded, collisions: await collisions.wanted(), health: await latestHealth() })
  },
})

interface Besides {
  readonly stranded: Parameters<typeof needsOf>[0]['stranded']
  readonly collisions: readonly Collision[]
  readonly health: readonly ProviderHealth[]
}

/** Pure. */
export function boardOf(look: BoardLook, { health, ...besides }: Besides): Board {
  const people = peopleOf(look)
  const sources = look.sources.map((source) => sourceOf(source, look, health))
  const isStuck = ({ health, waiting }: BoardSource) => health === 'away' && waiting > 0
  const away = sources.filter(isStuck).map(({ provider }) => provider)
  const work = look.sources.filter(({ provider }) => !away.includes(provider)).map((source) => workOf(source, look))
  return {
    ...{ at: look.at, people, sources, retrying: look.retrying, running: look.running, workers: look.workers },
    verdict: verdictOf(look, people, sources),
    end: endOf(look.at, work.map(remaining)),
    endWithout: away,
    messagesPerSecond: sumOf(sources, ({ messagesPerSecond }) => messagesPerSecond),
    bytesPerSecond: sumOf(sources, ({ bytesPerSecond }) => bytesPerSecond),
    messagesLeft: Math.round(sumOf(work, messagesLeft)),
    needs: needsOf({ ...look, ...besides }),
  }
}

function peopleOf({ sources, running }: BoardLook): BoardPeople {
  const sum = (of: (people: SourceLook['people']) => number) => sumOf(sources, ({ people }) => of(people))
  const states = Object.fromEntries(STATES.map((state) => [state, sum(({ states }) => states[state])]))
  return {
    states: states as Record<State, number>,
    all: sumOf(sources, allOf),
    across: sumOf(sources, copiedOf) - sum(({ unflipped }) => unflipped),
    unflipped: sum(({ unflipped }) => unflipped),
    acrossLastHour: sum(({ acrossLastHour }) => acrossLastHour),
    neverCame: sum(({ neverCame }) => neverCame),
    cameLastHour: sum(({ cameLastHour }) => cameLastHour),
    waiting: sumOf(sources, (source) => waitingFor(source, running)),
    copying: running.length,
    stopped: sum(({ stopped }) => stopped),
  }
}

function allOf({ people }: SourceLook): number {
  return sumOf(STATES, (state) => people.states[state])
}

function copiedOf({ people: { states } }: SourceLook): number {
  return states.synced + states.done
}

function waitingFor({ provider, people }: SourceLook, running: readonly Running[]): number {
  return Math.max(0, people.toCopy - firstOf(provider, running).length)
}

function firstOf(provider: string, running: readonly Running[]): readonly Running[] {
  return running.filter((one) => one.isFirst && one.provider === provider)
}

const RECENT_MINUTES = 2

function sourceOf(source: SourceLook, { running }: BoardLook, all: readonly ProviderHealth[]): BoardSource {
  const { provider, connections, errors, minutes, people, flips } = source
  const health = all.find((one) => one.provider === provider)
  const recent = minutes.slice(-RECENT_MINUTES)
  return {
    ...{ provider, connections, errors, flips, ...healthOf(source, health) },
    waiting: waitingFor(source, running),
    neverCame: people.neverCame,
    messagesPerSecond: sumOf(recent, ({ messages }) => messages) / 60 / Math.max(1, recent.length),
    bytesPerSecond: sumOf(
      running.filter((one) => one.provider === provider),
      ({ progress }) => (progress?.step === 'copying' ? progress.bytesPerSecond : 0),
    ),
    daysLeft: health?.daysLeft ?? null,
  }
}

type Health = Pick<BoardSource, 'health' | 'why' | 'since'>

/** Whoever asked last knows: this process, which connects now and then, or those who copy. */
function healthOf(source: SourceLook, health: ProviderHealth | undefined): Health {
  const { awaySince: since, awayAt, successAt, errors, isOpen } = source
  const askedAt = health?.checkedAt ?? new Date(0)
  if (awayAt !== null && awayAt > askedAt) return { health: 'away', why: errors[0]?.code ?? null, since }
  const isNews = successAt === null || successAt < askedAt
  if (health !== undefined && !health.reachable && isNews) {
    return { health: 'away', why: `${health.failedStep} failed`, since }
  }
  if (health?.status?.breaker === 'open') return { health: 'away', why: 'breaker-open', since }
  if (!isOpen) return { health: 'closed', why: 'outside of its window', since: null }
  return { health: health === undefined ? 'asking' : 'well', why: null, since: null }
}

/** Whose mailbox was not counted is taken for as large as the others, and for larger when that is copied already. */
function workOf(source: SourceLook, { at, running }: BoardLook): Work {
  const { provider, counted, minutes, came, people } = source
  const first = firstOf(provider, running)
  const size = messageSize(first)
  const parts = first.map((one) => ({
    left: leftOf(one, counted.mean, size),
    copied: one.messages,
    seconds: (at.getTime() - one.startedAt.getTime()) / 1000,
  }))
  return {
    ...{ counted, minutes, came, expected: people.neverCame, running: parts },
    uncounted: waitingFor(source, running),
    left: sumOf(parts, ({ left }) => left),
    done: copiedOf(source) * counted.mean + sumOf(parts, ({ copied }) => copied),
  }
}

/** In messages. One costs by itself and by its size, each about half: what is left may be of another size. */
function leftOf({ expected, messages, progress }: Running, mean: number, size: number | null): number {
  const left = Math.max(0, (expected ?? Math.max(mean, 1.2 * messages)) - messages)
  if (size === null || progress?.step !== 'copying' || progress.ofBytes === null) return left
  return (left + Math.max(0, progress.ofBytes - progress.bytes) / size) / 2
}

/** In bytes, of what is copied at this moment; null: nobody knows. */
function messageSize(running: readonly Running[]): number | null {
  const known = running.flatMap(({ progress }) => (progress?.step === 'copying' ? [progress] : []))
  const [bytes, messages] = [sumOf(known, (one) => one.bytes), sumOf(known, (one) => one.messages)]
  return bytes > 0 && messages > 0 ? bytes / messages : null
}

/** Where several old servers are copied from, the last one tells. */
function endOf(at: Date, all: readonly (Remaining | null)[]): Board['end'] {
  const known = all.filter((one) => one !== null)
  if (known.length < all.length) return null
  const [least, most] = [Math.max(0, ...known.map(({ least }) => least)), Math.max(0, ...known.map(({ most }) => most))]
  if (most === 0) return null
  return { earliest: new Date(at.getTime() + least * 1000), latest: new Date(at.getTime() + most * 1000) }
}

function sumOf<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((sum, one) => sum + of(one), 0)
}
