import { LRUCache } from 'lru-cache'
import type { SourceDomain, Userdb } from '../auth/ports.ts'
import type { Sealer } from '../keys/ports.ts'
import { type Address, inDomain } from '../model/address.ts'
import type { By } from '../model/audit.ts'
import { sourceOf } from '../model/domain.ts'
import { expandHome } from '../model/home.ts'
import { oldUsername } from '../model/provider.ts'
import type { Settings } from '../settings.ts'
import type { SourceAnswer } from '../source/ports.ts'
import type { Gathering, ImportedPerson, Imports, Standing } from './ports.ts'
import { whyNot } from './source-words.ts'
import { type TrialDeps, tryPassword } from './trial.ts'

/** A person as a line of a file names them: by the old or the new address. */
export interface PersonLine {
  /** Counted from 1. */
  readonly number: number
  readonly address: Address
  /** Null: what the provider's form of login names makes of the address. */
  readonly oldUsername: string | null
  /** Null: the person is awaited. */
  readonly password: string | null
  /** Null: the line says none. */
  readonly quotaBytes: number | null
}

/** A line that cannot be used. The reason repeats nothing of it: it may hold a password. */
export interface BadLine {
  readonly number: number
  readonly reason: string
}

export interface ImportDeps extends TrialDeps {
  readonly userdb: Pick<Userdb, 'sourceDomainsOf'>
  readonly sealer: Sealer
  readonly imports: Imports
  readonly settings: Pick<Settings, 'home'>
}

/** Who is told how an import goes. */
export interface ImportWatcher {
  onBad(line: BadLine): Promise<void>
  /** How many lines are read so far. */
  onProgress(lines: number): void
}

export interface ImportOptions extends ImportWatcher {
  readonly isDryRun: boolean
  /** Imports the good lines although there are bad ones. */
  readonly skipsBad: boolean
  /** Asks the source whether the passwords are right. */
  readonly verifies: boolean
  readonly by: By
}

export interface ImportOutcome {
  readonly lines: number
  readonly bad: number
  /** People who are awaited now, and were not, or under another user name. */
  readonly awaited: number
  /** People whose copy can begin now: their password came along. */
  readonly pending: number
  /** People who were there already, and stay as they are. */
  readonly kept: number
  readonly written: boolean
}

const BATCH = 250
const CLOSED = 'its domain is closed: open it with "postferry domain add"'
const DOMAINS_REMEMBERED = 1_000

/**
 * Imports people, all or (when a line is bad) nobody. Nobody gets an account: that takes the source's word, at the
 * first sign-in. The lines are read once, and wait sealed and out of sight until the last one is read.
 */
export async function importPeople(
  lines: AsyncIterable<PersonLine | BadLine>,
  options: ImportOptions,
  deps: ImportDeps,
): Promise<ImportOutcome> {
  const sources = rememberedSources(deps.userdb)
  const sealer = options.isDryRun ? sealingOnce(deps.sealer) : deps.sealer
  return await deps.imports.gather(async (gathering) => {
    const counts = { lines: 0, bad: 0, awaited: 0, pending: 0, kept: 0 }
    for await (const batch of batchesOf(lines)) {
      const { bad, ...good } = await takeIn(batch, gathering, options, { ...deps, sealer, sources })
      for (const line of bad.sort((one, other) => one.number - other.number)) await options.onBad(line)
      counts.lines += batch.length
      counts.bad += bad.length
      counts.awaited += good.awaited
      counts.pending += good.pending
      counts.kept += batch.length - bad.length - good.awaited - good.pending
      options.onProgress(counts.lines)
    }
    if (options.isDryRun || (counts.bad > 0 && !options.skipsBad)) return { ...counts, written: false }
    const made = await gathering.write(options.by)
    return { ...counts, ...made, kept: counts.lines - counts.bad - made.awaited - made.pending, written: true }
  })
}

/** Nothing of a dry run is kept, and sealing is what takes long. */
function sealingOnce(sealer: Sealer): Sealer {
  let sealed: ReturnType<Sealer['seal']> | undefined
  return {
    seal(credential) {
      sealed ??= sealer.seal(credential)
      return sealed
    },
  }
}

/** Where the people of a domain come from; null: from nowhere, or the domain does not tell; `closed`: nobody does any more. */
type Sources = (domain: string) => Promise<SourceDomain | 'closed' | null>

/** Reads ahead of nothing: the next lines are asked for when these are done with. */
async function* batchesOf<T>(lines: AsyncIterable<T>): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const line of lines) {
    batch.push(line)
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

function rememberedSources(userdb: Pick<Userdb, 'sourceDomainsOf'>): Sources {
  const known = new LRUCache<string, { source: Awaited<ReturnType<Sources>> }>({ max: DOMAINS_REMEMBERED })
  return async (domain) => {
    const entry = known.get(domain) ?? { source: openSourceOf(domain, await userdb.sourceDomainsOf(domain)) }
    known.set(domain, entry)
    return entry.source
  }
}

function openSourceOf(domain: string, sources: readonly SourceDomain[]): SourceDomain | 'closed' | null {
  const open = sources.filter(({ isClosed }) => !isClosed)
  return open.length === 0 && sources.length > 0 ? 'closed' : sourceOf(domain, open)
}

/** A line with what postferry knows about its person. */
interface Candidate {
  readonly line: PersonLine
  readonly address: Address
  readonly source: SourceDomain
}

async function takeIn(
  batch: readonly (PersonLine | BadLine)[],
  gathering: Gathering,
  { verifies }: ImportOptions,
  deps: ImportDeps & { sources: Sources },
) {
  const bad: BadLine[] = batch.filter((line) => 'reason' in line)
  const candidates: Candidate[] = []
  for (const line of batch) {
    if ('reason' in line) continue
    const source = await deps.sources(line.address.domain)
    if (source === null) bad.push({ number: line.number, reason: 'no provider serves its domain' })
    else if (source === 'closed') bad.push({ number: line.number, reason: CLOSED })
    else candidates.push({ line, source, address: inDomain(line.address, source.newDomain) })
  }
  const standing = await gathering.standing(candidates.map(({ address }) => address.text))
  const wanted = candidates.map((candidate) => ({ ...candidate, standing: standing.get(candidate.address.text) }))
  const refused = verifies ? await refusedOf(wanted, deps) : []
  const numbers = new Set(refused.map(({ number }) => number))
  const people: ImportedPerson[] = []
  // One after the other: sealing keeps the processor busy, and in the service people sign in meanwhile.
  for (const one of wanted.filter(({ line }) => !numbers.has(line.number))) people.push(await personOf(one, deps))
  const doubled = new Set<number>()
  for (const line of await gathering.add(people)) {
    doubled.add(line.number)
    bad.push(line)
  }
  const taken = people.filter(({ number, taken }) => taken && !doubled.has(number))
  const pending = taken.filter(({ sealed }) => sealed !== null).length
  return { bad: [...bad, ...refused], pending, awaited: taken.length - pending }
}

type Wanted = Candidate & { readonly standing: Standing | undefined }

/**
 * Whether the line brings anything: who is there already stays, but who is awaited may get a user name, password or
 * quota.
 */
function brings({ line, standing }: Wanted): boolean {
  if (standing === undefined) return true
  const renames = line.oldUsername !== null && line.oldUsername !== standing.oldUsername
  return standing.awaited && (line.password !== null || line.quotaBytes !== null || renames)
}

function usernameOf({ line, source, standing }: Wanted): string {
  const derived = () => oldUsername(source.provider, inDomain(line.address, source.oldDomain))
  return line.oldUsername ?? standing?.oldUsername ?? derived()
}

async function personOf(wanted: Wanted, { sealer, settings }: ImportDeps): Promise<ImportedPerson> {
  const { line, address, source } = wanted
  const { provider } = source
  const username = usernameOf(wanted)
  const taken = brings(wanted)
  const sealed =
    taken && line.password !== null
      ? await sealer.seal({ address: address.text, provider: provider.name, username, password: line.password })
      : null
  return {
    ...{ number: line.number, address: address.text, home: expandHome(settings.home, address), taken, sealed },
    ...{ provider: provider.name, oldDomain: source.oldDomain, oldUsername: username },
    quotaBytes: line.quotaBytes,
  }
}

/**
 * The lines whose password the source does not confirm; asked with a quarter of a provider's connections: people sign
 * in too.
 */
async function refusedOf(wanted: readonly Wanted[], deps: TrialDeps): Promise<BadLine[]> {
  const refused: BadLine[] = []
  const asked = Map.groupBy(
    wanted.filter((one) => one.line.password !== null && brings(one)),
    (one) => one.source.provider.name,
  )
  for (const [, ones] of asked) {
    const atOnce = Math.ceil((ones[0]?.source.provider.maxConnections ?? 1) / 4)
    for (let start = 0; start < ones.length; start += atOnce) {
      const answers = ones.slice(start, start + atOnce).map(async (one) => {
        const answer = await ask(one, deps)
        if (answer.kind !== 'yes') refused.push({ number: one.line.number, reason: whyNot(answer) })
      })
      await Promise.all(answers)
    }
  }
  return refused
}

function ask(wanted: Wanted, deps: TrialDeps): Promise<SourceAnswer> {
  const { provider } = wanted.source
  const password = wanted.line.password ?? ''
  return tryPassword({ provider, username: usernameOf(wanted), password, isOneOfMany: true }, deps)
}
