import type { Userdb } from '../auth/ports.ts'
import type { Sealer } from '../keys/ports.ts'
import { parseAddress } from '../model/address.ts'
import { expandHome } from '../model/home.ts'
import type { Migration } from '../model/migration.ts'
import { Refused } from '../model/refused.ts'
import type { Settings } from '../settings.ts'
import type { SourceAnswer } from '../source/ports.ts'
import { password } from './fields.ts'
import { MIGRATION } from './migrations.ts'
import { operation, secret } from './operation.ts'
import { migration } from './person.ts'
import type { Credentials, Migrations } from './ports.ts'
import { whyNot } from './source-words.ts'
import { type TrialDeps, tryPassword } from './trial.ts'

interface Deps extends TrialDeps {
  readonly userdb: Pick<Userdb, 'accountOf' | 'awaited'>
  readonly sealer: Sealer
  readonly credentials: Pick<Credentials, 'renew'>
  readonly migrations: Pick<Migrations, 'find'>
  readonly settings: Pick<Settings, 'home'>
}

export const setMigrationPassword = operation({
  ...{ name: 'migration.set-password', permission: 'operate' },
  summary: 'Keep another password for the old server, once the old server has accepted it',
  fields: { address: migration, password: secret(password, 'password on the old server') },
  answer: MIGRATION,
  async run({ address: { address }, password }, deps: Deps, by): Promise<Migration> {
    const { userdb, sealer, credentials, migrations, settings } = deps
    const person = parseAddress(address)
    const known = await userdb.accountOf(address)
    const live = known === null ? await userdb.awaited(address) : known.isLive ? known.from : null
    if (person === null || live === null) throw noneIsKept(address)
    const { provider, oldUsername: username } = live
    refuseUnlessYes(await tryPassword({ provider, username, password }, deps))
    const sealed = await sealer.seal({ address, provider: provider.name, username, password })
    await credentials.renew(address, sealed, expandHome(settings.home, person), by)
    const renewed = await migrations.find(address)
    if (renewed === null) throw noneIsKept(address)
    return renewed
  },
})

/** Before anybody types a password for nothing. @throws Refused */
export function refuseDone({ address, state }: Migration): void {
  if (state === 'done') throw noneIsKept(address)
}

function noneIsKept(address: string): Refused {
  return new Refused('conflict', `the migration of ${address} is done: no password is kept`)
}

function refuseUnlessYes(answer: SourceAnswer): void {
  if (answer.kind === 'yes') return
  const why = `${whyNot(answer)}: nothing is changed`
  throw answer.kind === 'trouble' ? new Refused('unavailable', `${why}, try again`) : new Refused('rejected', why)
}
