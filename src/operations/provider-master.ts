import type { Sealer } from '../keys/ports.ts'
import { parseAddress } from '../model/address.ts'
import type { By } from '../model/audit.ts'
import { expandHome } from '../model/home.ts'
import { Type } from '../model/json-schema.ts'
import { masterUsername } from '../model/master.ts'
import type { Migration } from '../model/migration.ts'
import type { Provider } from '../model/provider.ts'
import { isRefused, Refused } from '../model/refused.ts'
import type { Settings } from '../settings.ts'
import type { Source } from '../source/ports.ts'
import { password } from './fields.ts'
import { operation, secret } from './operation.ts'
import type { Credentials, Migrations } from './ports.ts'
import { NAMED } from './providers.ts'
import { Count, Text } from './schema.ts'
import { whyNot } from './source-words.ts'

interface Deps {
  readonly source: Source
  readonly sealer: Sealer
  readonly credentials: Pick<Credentials, 'renew'>
  readonly migrations: Pick<Migrations, 'page'>
  readonly settings: Pick<Settings, 'home'>
}

export interface MasterUsed {
  readonly provider: Provider
  /** Whose mail is copied from now on. */
  readonly people: number
  /** Who came meanwhile, or has what another has. */
  readonly left: number
}

const PAGE = 500
const ASKED = 3

/**
 * Gives everybody whom the provider's master user can sign in for, and who has not signed in here yet, a credential of
 * their own with its password. Nobody gets an account by that: their own first sign-in does that, and brings their own
 * credential. Once more with a new password, it renews those.
 */
export const useMaster = operation({
  ...{ name: 'provider.use-master', permission: 'own' },
  summary: 'Copy the mail of all who are awaited, as the master user of the old server',
  fields: { name: NAMED, password: secret(password, 'password of the master user') },
  answer: {
    schema: Type.Object({ provider: Text, people: Count, left: Count }),
    row: ({ provider, ...counts }: MasterUsed) => ({ provider: provider.name, ...counts }),
  },
  async run({ name: provider, password }, deps: Deps, by): Promise<MasterUsed> {
    refuseWithout(provider)
    await refuseWrong(provider, password, deps)
    let [people, left] = [0, 0]
    for await (const migration of expected(provider, deps)) {
      if (await giveTo(migration, provider, password, deps, by)) people++
      else left++
    }
    return { provider, people, left }
  },
})

/** Before anybody types a password for nothing. @throws Refused */
export function refuseWithout({ name, masterName }: Provider): void {
  if (masterName === null) throw new Refused('conflict', `${name} has no master user: set it first`)
}

/** Who has not signed in yet, and is expected. */
async function* expected({ name }: Provider, { migrations }: Pick<Deps, 'migrations'>): AsyncGenerator<Migration> {
  const filter = { provider: name, neverCame: true }
  let after: string | undefined
  do {
    const page = await migrations.page({ filter, limit: PAGE, ...(after !== undefined && { after }) })
    yield* page.rows
    after = page.after ?? undefined
  } while (after !== undefined)
}

/** Of some people the old server may know nothing any more: for one of the first it has to say yes. @throws Refused */
async function refuseWrong(provider: Provider, password: string, deps: Deps): Promise<void> {
  let refusal: Refused | null = null
  let asked = 0
  for await (const { oldUsername } of expected(provider, deps)) {
    const username = masterUsername(provider, oldUsername) ?? ''
    const { signal } = new AbortController()
    const answer = await deps.source.ask({ provider, username, password, clientAddress: null, signal })
    if (answer.kind === 'yes') return
    const why = `${whyNot(answer, `its master user for ${oldUsername}`)}: nothing is changed`
    if (answer.kind === 'trouble') throw new Refused('unavailable', why)
    refusal ??= new Refused('rejected', why)
    if (++asked === ASKED) break
  }
  if (refusal !== null) throw refusal
}

async function giveTo(
  { address, oldUsername }: Migration,
  provider: Provider,
  password: string,
  { sealer, credentials, settings }: Deps,
  by: By,
): Promise<boolean> {
  const person = parseAddress(address)
  const username = masterUsername(provider, oldUsername)
  if (person === null || username === null) return false
  const sealed = await sealer.seal({ address, provider: provider.name, username, password })
  try {
    await credentials.renew(address, sealed, expandHome(settings.home, person), by, 'awaited')
    return true
  } catch (error) {
    if (isRefused(error, 'conflict')) return false
    throw error
  }
}
