import type { Kind } from '../model/ledger.ts'
import type { DigestedMessage, Evidence, FolderFindings, Unpaired } from './pair-messages.ts'
import type { DestinationMessage } from './ports.ts'

/** A folder whose messages were paired with those of its own directory. */
export interface Paired {
  readonly findings: FolderFindings
  readonly unpaired: Unpaired
}

/** What has become of the unpaired messages. */
export interface Explained {
  /** How many messages are in which other directory of the destination. */
  readonly movedTo: ReadonlyMap<string, number>
  /** Messages in the folder's directory that have nothing to do with the source. */
  readonly extra: number
}

/**
 * Looks for unpaired messages of the source: first byte for byte in all other directories of the destination, then
 * altered in their own. What is still not found was removed, got lost, is waiting, or is missing.
 */
export function explainUnpaired<T extends Paired>(
  folders: readonly T[],
  elsewhere: readonly DestinationMessage[],
  titleOf: (directory: string) => string,
): Map<T, Explained> {
  const pool = new Pool([...folders.flatMap(({ unpaired }) => unpaired.onDestination), ...elsewhere], byDigest)
  // First all that moved: what looks altered in one folder may have moved there from another.
  const moved = folders.map(({ findings, unpaired }) => takeMoved(unpaired.atSource, findings, pool, titleOf))
  return new Map(
    folders.map((folder, at) => {
      const { movedTo, rest } = moved[at] as ReturnType<typeof takeMoved>
      const own = folder.unpaired.onDestination.filter((message) => pool.has(message))
      const { absent, extra } = takeAltered(rest, own, folder.findings)
      for (const message of absent) addAbsent(message, folder.findings)
      return [folder, { movedTo, extra }]
    }),
  )
}

const byDigest = ({ digest }: DestinationMessage) => digest

/** Messages of the destination that are paired with none yet, by a key. */
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
  const rest = messages.filter((message) => {
    const { directory } = pool.take(message.digest) ?? {}
    if (directory === undefined) return true
    movedTo.set(directory, (movedTo.get(directory) ?? 0) + 1)
    findings.found.add(message.uid)
    findings.add('moved', message, 'here', `in ${titleOf(directory)}`)
    return false
  })
  return { movedTo, rest }
}

interface Sign {
  /** By chance another message has it too: no sign of what was proved here, and may have been deleted since. */
  readonly isVague?: true
  readonly atSource: (message: DigestedMessage) => string | number | null
  readonly onDestination: (message: DestinationMessage) => string | number | null
  readonly fits?: (message: DigestedMessage, other: DestinationMessage, evidence: Evidence) => boolean
}

const LENGTH_TOLERANCE = 0.02

// What tells an altered message, the surest sign first: each is tried on all messages before the next.
const SIGNS: readonly Sign[] = [
  { atSource: ({ uid }) => uid, onDestination: ({ copyOf }) => copyOf },
  { atSource: ({ messageId }) => messageId || null, onDestination: ({ messageId }) => messageId || null },
  {
    isVague: true,
    atSource: ({ date }) => date,
    onDestination: ({ date }) => date,
    fits({ length, uid, messageId }, other, { flipped }) {
      if (messageId && other.messageId && messageId !== other.messageId) return false
      // A flip has brought it along in whatever state it is, be it empty.
      return flipped?.has(uid) === true || Math.abs(length - other.length) <= length * LENGTH_TOLERANCE
    },
  },
]

/** Pairs messages with what they have become. */
function takeAltered(
  messages: readonly DigestedMessage[],
  candidates: readonly DestinationMessage[],
  findings: FolderFindings,
) {
  let [absent, free] = [messages, candidates]
  // Without sync state the file names may be from a folder of the source that no longer exists.
  const namesHold = findings.evidence.syncState !== null
  // A copy of one message is no copy of another, however alike they are.
  const isAnothers = ({ uid }: DigestedMessage, { copyOf }: DestinationMessage) =>
    namesHold && copyOf !== null && copyOf !== uid
  for (const { isVague, atSource, onDestination, fits = () => true } of namesHold ? SIGNS : SIGNS.slice(1)) {
    const pool = new Pool(free, onDestination)
    absent = absent.filter((message) => {
      if (isVague && findings.evidence.proved.has(message.uid)) return true
      const isThis = (other: DestinationMessage) =>
        !isAnothers(message, other) && fits(message, other, findings.evidence)
      const other = pool.take(atSource(message), isThis)
      if (other !== undefined) findings.add('altered', message, bytesText(message), bytesText(other))
      return other === undefined
    })
    free = pool.rest()
  }
  return { absent, extra: free.length }
}

function addAbsent(message: DigestedMessage, findings: FolderFindings): void {
  const [kind, onDestination] = whyAbsent(message, findings.evidence)
  findings.add(kind, message, 'here', onDestination)
}

function whyAbsent({ uid }: DigestedMessage, { proved, flipped, syncState }: Evidence): [Kind, string] {
  if (proved.has(uid) || flipped?.has(uid)) return ['removed', 'was proved here before']
  if (syncState?.flagsOf.has(uid)) return ['lost', 'was delivered here, and never seen']
  if (syncState !== null && uid > syncState.lastUid) return ['waiting', 'not copied yet']
  return ['missing', 'nowhere']
}

function bytesText({ length, digest }: { length: number; digest: string }): string {
  return `${length} bytes, SHA-256 ${Buffer.from(digest, 'base64url').toString('hex').slice(0, 16)}…`
}
