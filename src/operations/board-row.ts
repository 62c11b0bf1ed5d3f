import { Type } from '../model/json-schema.ts'
import type { Board } from './board.ts'
import { type FlipsLook, HEALTHS } from './board-look.ts'
import { verdictText } from './board-verdict.ts'
import { ProgressSchema, progressRow } from './progress-row.ts'
import { Count, listOf, orNull, Text, Time, the } from './schema.ts'

const GOING = ['empty', 'over', 'quiet', 'well', 'slowing', 'stopped'] as const

const PEOPLE = {
  all: Count,
  states: Type.Record(Count),
  across: Type.Integer({ minimum: 0, description: 'Synced or done, and not at the old server any more' }),
  unflipped: Type.Integer({ minimum: 0, description: 'Synced, and works on the old server until a flip' }),
  across_last_hour: Count,
  never_came: Type.Integer({ minimum: 0, description: 'Still expected, and not signed in yet' }),
  came_last_hour: Count,
  waiting: Type.Integer({ minimum: 0, description: 'For their first copy, besides those who are copied now' }),
  copying: Count,
  stopped: Type.Integer({ minimum: 0, description: 'Until somebody acts' }),
}

const Flips = Type.Object({
  auto: Type.Boolean({ description: 'Who is ready is flipped without anybody’s word' }),
  at_source: Type.Integer({ minimum: 0, description: 'Works on the old server, through the new one' }),
  mirrored: Type.Integer({ minimum: 0, description: 'Of these: a whole mirror was made' }),
  ready: Type.Integer({ minimum: 0, description: 'Of these: the mirror is proved' }),
  held: Count,
  requested: Type.Integer({
    minimum: 0,
    description: 'The wave: a flip, or a finish, which flips first, is requested, and has not begun',
  }),
  flipped: Count,
  flips_per_minute: Type.Number({ description: 'In the last ten minutes' }),
})

const Source = Type.Object({
  provider: Text,
  health: Type.Enum(HEALTHS),
  why: orNull(Text),
  since: orNull(Time),
  connections: Type.Object({ allowed: Count, sign_in: Count, copying: Count }),
  errors: listOf(Type.Object({ code: Text, count: Count })),
  waiting: Count,
  never_came: Count,
  messages_per_second: Type.Number(),
  bytes_per_second: Type.Number(),
  days_left: orNull(Type.Integer()),
  flips: orNull(Flips),
})

const Need = Type.Object({
  ...{ code: Text, what: Text, step: Text, remedy: orNull(Text), people: Count, provider: orNull(Text) },
  ...{ address: orNull(Text), since: orNull(Time) },
})

export const BoardSchema = Type.Object(
  {
    at: Time,
    going: Type.Enum(GOING),
    sentence: Text,
    people: Type.Object(PEOPLE),
    end: orNull(Type.Object({ earliest: Time, latest: Time })),
    end_without: listOf(Text),
    messages_per_second: Type.Number(),
    bytes_per_second: Type.Number({ description: 'Of those who are copied at this moment' }),
    messages_left: Count,
    sources: listOf(Source),
    needs: listOf(Need),
    retrying: listOf(Type.Object({ code: Text, provider: Text, people: Count, next_at: Time })),
    running: listOf(
      Type.Object({
        ...{ address: Text, provider: Text, host: orNull(Text), started_at: Time, messages: Count },
        ...{ expected: orNull(Count), progress: orNull(the(ProgressSchema)) },
      }),
    ),
    workers: listOf(Type.Object({ host: Text, workers: Count, seen_at: Time })),
  },
  { $id: 'Board' },
)

export function boardRow({ verdict, people, retrying, running, workers, sources, ...board }: Board) {
  return {
    at: board.at,
    ...{ going: verdict.going, sentence: verdictText(verdict) },
    people: {
      ...{ all: people.all, states: people.states, across: people.across, unflipped: people.unflipped },
      across_last_hour: people.acrossLastHour,
      ...{ never_came: people.neverCame, came_last_hour: people.cameLastHour },
      ...{ waiting: people.waiting, copying: people.copying, stopped: people.stopped },
    },
    end: board.end,
    end_without: board.endWithout,
    ...{
      messages_per_second: board.messagesPerSecond,
      bytes_per_second: board.bytesPerSecond,
      messages_left: board.messagesLeft,
    },
    sources: sources.map(sourceRow),
    needs: board.needs.map(({ isCode, ...need }) => need),
    retrying: retrying.map(({ nextAt, ...one }) => ({ ...one, next_at: nextAt })),
    running: running.map(runningRow),
    workers: workers.map(({ seenAt, ...one }) => ({ ...one, seen_at: seenAt })),
  }
}

function runningRow({ startedAt, isFirst, progress, ...one }: Board['running'][number]) {
  return { ...one, started_at: startedAt, progress: progress && progressRow(progress) }
}

function sourceRow({
  connections,
  flips,
  neverCame,
  messagesPerSecond,
  bytesPerSecond,
  daysLeft,
  ...source
}: Board['sources'][number]) {
  const { allowed, signIn, copying } = connections
  return {
    ...source,
    connections: { allowed, sign_in: signIn, copying },
    ...{
      never_came: neverCame,
      messages_per_second: messagesPerSecond,
      bytes_per_second: bytesPerSecond,
      days_left: daysLeft,
    },
    flips: flips && flipsRow(flips),
  }
}

function flipsRow({ isAuto, atSource, flippedLastTenMinutes, ...flips }: FlipsLook) {
  return { auto: isAuto, at_source: atSource, ...flips, flips_per_minute: flippedLastTenMinutes / 10 }
}
