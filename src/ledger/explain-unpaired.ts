import type { DigestedMessage, FolderFindings, Leftovers } from './pair-messages.ts'
import type { DestinationMessage } from './ports.ts'

/** A folder whose messages were paired as far as they are in its own directory. */
export interface Paired {
  readonly findings: FolderFindings
  readonly left: Leftovers
}

/** What has become of what was left. */
export interface Settled {
  /** How many messages are in which other directory of the destination. */
  readonly movedTo: ReadonlyMap<string, number>
  /** Messages in the folder's directory that have nothing to do with the source. */
  readonly extra: number
}

/**
 * Looks for what could not be paired: first by its bytes in all other directories of the destination, then by what it
 * was in its own directory. Whatever is still not found was removed, got lost, is waiting, or is missing.
 */
export function settle<T extends Paired>(
  folders: readonly T[],
  elsewhere: readonly DestinationMessage[],
  titleOf: (directory: string) => string,
): Map<T, Settled> {
  const pool = new Pool([...folders.flatMap(({ left }) => left.onNew), ...elsewhere], ({ digest }) => digest)
  // All that moved, before anything is called altered: a folder's message may be another's that was moved there.
  const moved = folders.map(({ findings, left }) => takeMoved(left.atSource, findings, pool, titleOf))
  return new Map(
    folders.map((folder, at) => {
      const { movedTo, lost } = moved[at] as ReturnType<typeof takeMoved>
      const own = folder.left.onNew.filter((message) => pool.has(message))
      const { absent, extra } = takeAltered(lost, own, folder.findings)
      for (const message of absent) tellAbsent(message, folder.findings)
      return [folder, { movedTo, extra }]
    }),
  )
}

/** Messages of the destination that belong to nobody yet, found by a key. */
class Pool<K> {
  readonly #free: Map<K | null, DestinationMessage[]>
  readonly #keyOf: (message: DestinationMessage) => K | null

  constructor(messages: readonly DestinationMessage[], keyOf: (message: DestinationMessage) => K | null) {
    this.#free = Map.groupBy(messages, keyOf)
    this.#keyOf = keyOf
  }

  take(key: K | null, fits: (message: DestinationMessage) => boolean = () => true): DestinationMessage | undefined {
    const candidates = key === null ? [] : (this.#free.get(key) ?? [])
    return candidates.splice(candidates.findIndex(fits) >>> 0, 1)[0]
  }

  has(message: DestinationMessage): boolean {
    return this.#free.get(this.#keyOf(message))?.includes(message) ?? false
  }

  rest(): DestinationMessage[] {
    return [...this.#free.values()].flat()
  }
}

function takeMoved(
  messages: readonly DigestedMessage[],
  findings: FolderFindings,
  pool: Pool<string>,
  titleOf: (directory: string) => string,
) {
  const movedTo = new Map<string, number>()
  const lost = messages.filter((message) => {
    const { directory } = pool.take(message.digest) ?? {}
    if (directory === undefined) return true
    movedTo.set(directory, (movedTo.get(directory) ?? 0) + 1)
    findings.found.add(message.uid)
    findings.tell('moved', message, 'here', `in ${titleOf(directory)}`)
    return false
  })
  return { movedTo, lost }
}

interface Sign {
  readonly atSource: (message: DigestedMessage) => string | number | null
  readonly onNew: (message: DestinationMessage) => string | number | null
  readonly fits?: (message: DigestedMessage, other: DestinationMessage) => boolean
}

const LENGTH_TOLERANCE = 0.02

// How an altered message is known, the surest sign first: each is tried on all messages before the next.
const SIGNS: readonly Sign[] = [
  { atSource: ({ uid }) => uid, onNew: ({ copyOf }) => copyOf },
  { atSource: ({ messageId }) => messageId || null, onNew: ({ messageId }) => messageId || null },
  {
    atSource: ({ date }) => date,
    onNew: ({ date }) => date,
    fits: ({ length }, other) => Math.abs(length - other.length) <= length * LENGTH_TOLERANCE,
  },
]

/** Pairs messages with what they have become; tells those for which there is nothing. */
function takeAltered(
  lost: readonly DigestedMessage[],
  candidates: readonly DestinationMessage[],
  findings: FolderFindings,
) {
  let [absent, free] = [lost, candidates]
  // Without sync state the names on the destination may be from a folder of the source that is no more.
  const namesHold = findings.evidence.syncState !== null
  // A copy of one message is no other message, however much alike they are.
  const isAnothers = ({ uid }: DigestedMessage, { copyOf }: DestinationMessage) =>
    namesHold && copyOf !== null && copyOf !== uid
  for (const { atSource, onNew, fits = () => true } of namesHold ? SIGNS : SIGNS.slice(1)) {
    const pool = new Pool(free, onNew)
    absent = absent.filter((message) => {
      const isThis = (other: DestinationMessage) => !isAnothers(message, other) && fits(message, other)
      const other = pool.take(atSource(message), isThis)
      if (other !== undefined) findings.tell('altered', message, bytesText(message), bytesText(other))
      return other === undefined
    })
    free = pool.rest()
  }
  return { absent, extra: free.length }
}

function tellAbsent(message: DigestedMessage, findings: FolderFindings): void {
  const { proved, syncState } = findings.evidence
  if (proved.has(message.uid)) findings.tell('removed', message, 'here', 'was proved here before')
  else if (syncState?.flagsOf.has(message.uid))
    findings.tell('lost', message, 'here', 'was delivered here, and never seen')
  else if (syncState !== null && message.uid > syncState.lastUid)
    findings.tell('waiting', message, 'here', 'not copied yet')
  else findings.tell('missing', message, 'here', 'nowhere')
}

function bytesText({ length, digest }: { length: number; digest: string }): string {
  return `${length} bytes, SHA-256 ${Buffer.from(digest, 'base64url').toString('hex').slice(0, 16)}…`
}
