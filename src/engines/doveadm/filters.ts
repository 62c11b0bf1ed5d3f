import type { Filter, FiltersCarried, SourceAccess } from '../../copying/ports.ts'
import type { Credential } from '../../keys/ports.ts'
import { CouldNotAsk, Silence } from '../../model/ledger.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { errorText } from '../../model/redact.ts'
import { type Carried, carriedBefore, keepCarried } from './carried.ts'
import { DoveadmError } from './doveadm.ts'
import { RootsMail } from './place.ts'
import { NoPigeonhole, openSieve, type Sieve, SieveRefusal, textDigest } from './sieve.ts'
import { SettingsUnread } from './sieve-settings.ts'

export interface FilterDeps {
  readonly access: Pick<SourceAccess, 'filters'>
  readonly dovecotConf: string | null
  readonly shared: { readonly stateFolder: string }
}

const FRESH_MS = 60 * 60_000
/** A port that is closed on purpose stays so for longer than a server takes to start again. */
const PATIENCE_MS = 60_000
/** The next look is due at once. What was brought is kept all the same: it would be taken for hers. */
const NOT_DONE = 0
const NOTHING: FiltersCarried = { flaw: null, told: [] }
const NO_MANAGESIEVE: FiltersCarried = {
  ...{ flaw: null, told: ['the old server has no ManageSieve: filters, if there are any, stay there'] },
}

/**
 * Brings a person's Sieve scripts. What she has here herself stays: a script that is another one than was brought, and which
 * one is active. Of whose script was brought and has changed at the source alone, the new one comes.
 */
export async function carryFilters(
  order: CopyOrder,
  credential: Credential,
  isUrgent: boolean,
  deps: FilterDeps,
  signal: AbortSignal,
): Promise<FiltersCarried> {
  const { stateFolder } = deps.shared
  const before = carriedBefore(stateFolder, order.id)
  if (!isUrgent && before !== null && Date.now() - before.at < FRESH_MS) return NOTHING
  const { digests, active } = before ?? { digests: {}, active: null }
  const keep = (at: number, carried: Omit<Carried, 'at'>) => keepCarried(stateFolder, order.id, { ...carried, at })
  const hasBrought = Object.keys(digests).length > 0
  const { found, silentSince } = await read(order, credential, before, deps, signal)
  const silence = silentSince === undefined ? {} : { silentSince }
  if (found !== null && 'flaw' in found) {
    keep(NOT_DONE, { digests, active, ...silence })
    return found
  }
  // Nobody has to have Pigeonhole whose people have no filters.
  if (found === null || (found.length === 0 && !hasBrought)) {
    keep(Date.now(), { digests, active, ...silence })
    return found === null && order.isMirrored ? NO_MANAGESIEVE : NOTHING
  }
  const carrying = new Carrying(found, before, order.isMirrored === true)
  try {
    await using sieve = await openSieve(order, deps.dovecotConf, signal)
    await carrying.run(sieve)
  } catch (error) {
    keep(NOT_DONE, carrying.carried)
    signal.throwIfAborted()
    return carrying.notCome(error)
  }
  const { carried, flaw, told } = carrying
  keep(flaw === null ? Date.now() : NOT_DONE, carried)
  return { flaw, told }
}

interface Read {
  readonly found: readonly Filter[] | FiltersCarried | null
  readonly silentSince?: number
}

async function read(
  { provider }: CopyOrder,
  credential: Credential,
  before: Carried | null,
  { access }: FilterDeps,
  signal: AbortSignal,
): Promise<Read> {
  const hasBrought = before !== null && Object.keys(before.digests).length > 0
  try {
    const found = await access.filters(provider, credential, signal)
    // A server that had it is away.
    if (found === null && hasBrought) throw new CouldNotAsk('old-unreachable', 'nobody answers at ManageSieve any more')
    return { found }
  } catch (error) {
    if (!(error instanceof CouldNotAsk)) throw error
    const flaw = { flaw: `filters cannot be read: ${error.message}`, told: [], isUnread: true }
    if (!(error instanceof Silence) || hasBrought) return { found: flaw }
    const { silentSince = Date.now() } = before ?? {}
    return { found: Date.now() - silentSince < PATIENCE_MS ? flaw : null, silentSince }
  }
}

const OWN = [NoPigeonhole, SettingsUnread, DoveadmError, RootsMail]

/** One look at both sides. */
class Carrying {
  readonly #found: readonly Filter[]
  readonly #before: Carried | null
  readonly #isMirrored: boolean
  readonly #digests: Record<string, string>
  #active: string | null
  readonly #refused = new Set<string>()
  readonly #hers = new Set<string>()
  readonly #brought: string[] = []
  readonly told: string[] = []
  flaw: string | null = null

  constructor(found: readonly Filter[], before: Carried | null, isMirrored: boolean) {
    this.#found = found
    this.#before = before
    this.#isMirrored = isMirrored
    this.#digests = { ...before?.digests }
    this.#active = before?.active ?? null
  }

  get carried(): Omit<Carried, 'at'> {
    return { digests: this.#digests, active: this.#active }
  }

  /** Where none of them can be brought. */
  notCome(error: unknown): FiltersCarried {
    const text = `filters cannot come: ${OWN.some((one) => error instanceof one) ? (error as Error).message : errorText(error)}`
    return this.#found.some(({ isActive }) => isActive) ? { flaw: text, told: [] } : { flaw: null, told: [text] }
  }

  async run(sieve: Sieve): Promise<void> {
    const here = await sieve.list()
    for (const filter of this.#found) await this.#bring(filter, here.scripts.get(filter.name) ?? null, sieve)
    await this.#activate(here.active, sieve)
    if (this.#brought.length > 0) this.told.push(`filters brought: ${this.#brought.map(shown).join(', ')}`)
  }

  async #bring({ name, script }: Filter, here: string | null, sieve: Sieve): Promise<void> {
    if (script === null) return this.#refuse(name, 'the old server does not hand it over')
    const digest = textDigest(script)
    const brought = this.#before?.digests[name]
    if (here !== digest) {
      // Gone here since: hers. As long as she works on the old server, it is not.
      if (here === null && brought !== undefined && !this.#isMirrored) return
      if (here !== null && here !== brought) {
        this.#hers.add(name)
        return this.#refuse(name, 'another one of this name is here, and stays')
      }
      const refusal = await put(sieve, name, script)
      if (refusal !== null) return this.#refuse(name, refusal)
      this.#brought.push(name)
    }
    this.#digests[name] = digest
  }

  #refuse(name: string, why: string): void {
    this.#refused.add(name)
    this.told.push(`the filter ${shown(name)} does not come: ${why}`)
  }

  async #activate(here: string | null, sieve: Sieve): Promise<void> {
    const active = this.#found.find(({ isActive }) => isActive)?.name ?? null
    const ours = this.#before?.active ?? null
    if (here !== null && here !== active && here !== ours) {
      if (active !== null) this.told.push(`the filter ${shown(here)} is the active one here, and stays so`)
      return
    }
    if (active === null) {
      if (here !== null && here === ours) await sieve.activate(null)
    } else if (this.#hers.has(active) && here === active) {
      this.#active = null
      return
    } else if (this.#refused.has(active)) {
      this.flaw = `the active filter ${shown(active)} cannot come`
      return
    } else if (here !== active) {
      // She has switched off here what was brought: hers.
      if (here === null && ours === active && !this.#isMirrored) return
      await sieve.activate(active)
    }
    this.#active = active
  }
}

/** @returns why it is refused; null: it is there */
async function put(sieve: Sieve, name: string, script: Buffer): Promise<string | null> {
  try {
    await sieve.put(name, script)
    return null
  } catch (error) {
    if (error instanceof SieveRefusal) return error.message
    throw error
  }
}

const SHOWN = 60

function shown(name: string): string {
  return JSON.stringify(name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name)
}
