/** What is left to copy from a provider, and how it went lately, in messages. */
export interface Work {
  /** People who wait for a copy, and whose mailboxes nobody has counted yet. */
  readonly uncounted: number
  /** All mailboxes that were counted, whether they are copied by now or not. */
  readonly counted: {
    readonly people: number
    readonly mean: number
    readonly deviation: number
    readonly largest: number
  }
  /** What is left of the counted ones. */
  readonly left: number
  /** What all people have on the destination by now. */
  readonly done: number
  /** Who is copied at this moment: what is left, what this attempt has copied, and in how many seconds. */
  readonly running: readonly { readonly left: number; readonly copied: number; readonly seconds: number }[]
  /** The last minutes, the latest at the end. */
  readonly minutes: readonly Minute[]
  /** How many people came in the last quarter of an hour, and how many have not come yet. */
  readonly came: number
  readonly expected: number
}

export interface Minute {
  readonly messages: number
  /** How many people were copied at a time, on average. */
  readonly slots: number
}

/** For how long copying goes on, in seconds. */
export interface Remaining {
  readonly least: number
  readonly most: number
}

/** With less than this going on, a minute tells of the queue and not of the old server. */
const BUSY_SLOTS = 0.5
/** Fewer minutes are no pace. */
const FEWEST_MINUTES = 3
/** The latest minutes count more: half as much so many minutes ago. */
const HALF_LIFE = 20
/** An attempt has a pace of its own when it is older than that. */
const OWN_PACE_S = 120
/** While people come, so many times as many may still come as came in the last quarter of an hour. */
const TIDE = 10
const SURE_DOUBT = Math.SQRT2 - 1
/** Other mail, other hours: so far off is an estimate whose numbers all are right. */
const LEAST_DOUBT = SURE_DOUBT
const MOST_DOUBT = 1.5
/** When so much is done, a range ends at most twice as far away as it begins. */
const SURE_SHARE = 0.17

/** Null: nothing was copied lately, so nobody knows. */
export function remaining(work: Work): Remaining | null {
  const messages = messagesLeft(work)
  if (messages === 0) return { least: 0, most: 0 }
  const pace = paceOf(work.minutes)
  if (pace === null) return null
  const tide = Math.min(TIDE * work.came, work.expected) * work.counted.mean
  const [least, most] = [secondsFor(messages, work, pace), secondsFor(messages + tide, work, pace)]
  const doubt = Math.min(MOST_DOUBT, Math.hypot(LEAST_DOUBT, pace.doubt, sizeDoubt(work) / messages))
  const range = { least: least / (1 + doubt), most: most * (1 + doubt) }
  return work.done / (work.done + messages + tide / 2) < SURE_SHARE ? range : narrowed(range)
}

/** Those whom nobody has counted are taken for as large as the others. */
export function messagesLeft({ uncounted, counted, left }: Work): number {
  return left + uncounted * counted.mean
}

function narrowed(range: Remaining): Remaining {
  const middle = Math.sqrt(range.least * range.most)
  return {
    least: Math.max(range.least, middle / (1 + SURE_DOUBT)),
    most: Math.min(range.most, middle * (1 + SURE_DOUBT)),
  }
}

interface Pace {
  /** In a second, of all together and of one person. */
  readonly together: number
  readonly alone: number
  /** How far from it the single minutes are, as a part of it. */
  readonly doubt: number
}

/** Several are copied at a time, and whoever has much left goes on alone at the end. */
function secondsFor(messages: number, { running, uncounted, counted }: Work, { together, alone }: Pace): number {
  const ends = running.map(({ left, copied, seconds }) => {
    return (left * (seconds + OWN_PACE_S)) / (copied + alone * OWN_PACE_S)
  })
  // The largest of few is smaller than the largest of many.
  const largest = uncounted === 0 ? 0 : counted.largest * Math.sqrt(Math.min(1, uncounted / counted.people))
  return Math.max(...ends, messages / together + largest / alone / 2)
}

function paceOf(minutes: readonly Minute[]): Pace | null {
  const weighed = minutes
    .map((minute, at) => ({ ...minute, weight: 0.5 ** ((minutes.length - at) / HALF_LIFE) }))
    .filter(({ slots }) => slots >= BUSY_SLOTS)
  const sum = (of: (minute: (typeof weighed)[number]) => number) =>
    weighed.reduce((all, minute) => all + minute.weight * of(minute), 0)
  const weight = sum(() => 1)
  const [messages, slots] = [sum((minute) => minute.messages) / weight, sum((minute) => minute.slots) / weight]
  if (weighed.length < FEWEST_MINUTES || messages === 0) return null
  const variance = sum((minute) => (minute.messages - messages) ** 2) / weight
  const independent = weight ** 2 / sum((minute) => minute.weight)
  return {
    together: messages / 60,
    alone: messages / slots / 60,
    doubt: Math.sqrt(variance / Math.max(1, independent)) / messages,
  }
}

/** Of the mean of those who were counted, and of the sum of those who were not, in messages. */
function sizeDoubt({ uncounted, counted: { people, deviation } }: Work): number {
  return uncounted === 0 ? 0 : deviation * Math.hypot(uncounted / Math.sqrt(people), Math.sqrt(uncounted))
}
