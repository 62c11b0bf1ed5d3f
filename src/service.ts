import { type Settings, SettingsError } from './config.ts'
import { identityOpener, recipientsInForce } from './data-dir.ts'
import { accounts } from './db/accounts.ts'
import { captures } from './db/captures.ts'
import { credentials } from './db/credentials.ts'
import { openDatabase } from './db/database.ts'
import { directory } from './db/directory.ts'
import { domains } from './db/domains.ts'
import { migrations } from './db/migrations.ts'
import { providers } from './db/providers.ts'
import type { House } from './doors/cli/house.ts'
import type { Check } from './doors/http/health.ts'
import type { Asked } from './doors/http/passdb.ts'
import { argon2id } from './hash/argon2id.ts'
import { old } from './imap/ask.ts'
import { probe } from './imap/probe.ts'
import { tempfail } from './model/verdict.ts'
import { authenticate, type Surroundings } from './policy/authenticate.ts'
import { boundOld } from './policy/bound-old.ts'
import { coalesce } from './policy/coalesce.ts'
import { lookUp } from './policy/look-up.ts'
import type { Sealer } from './policy/ports.ts'
import { type RenewalSurroundings, renewCredential } from './policy/renew-credential.ts'
import { sealTo } from './seal/age.ts'

/** Everything that the doors can ask for, wired together. Dispose to let go of the database. */
export interface Service extends House, Asked {
  /** What has to be well for the service to be ready, by name. */
  readonly checks: Readonly<Record<string, Check>>
}

export async function openService(settings: Settings): Promise<Service> {
  const database = await openDatabase(settings)
  const { kysely } = database
  const surroundings: Surroundings & RenewalSurroundings = {
    directory: directory(kysely),
    hasher: argon2id,
    old: boundOld(old),
    sealer: lateSealer(settings),
    captures: captures(kysely),
    credentials: credentials(kysely),
    home: settings.home,
  }
  return {
    settings,
    database,
    hasher: argon2id,
    providers: providers(kysely),
    domains: domains(kysely),
    accounts: accounts(kysely),
    migrations: migrations(kysely),
    credentials: surroundings.credentials,
    checks: {
      database: database.reach,
      upgrades: database.check,
      'seal-key': async () => void (await surroundings.sealer.seal({ address: '', username: '', password: '' })),
    },
    probe,
    opener: () => identityOpener(settings),
    renewCredential: (address, password) => renewCredential(address, password, surroundings),
    signIn: coalesce(async (question) => {
      try {
        await database.ready()
      } catch (cause) {
        return tempfail('database', cause)
      }
      return await authenticate(question, surroundings)
    }),
    async lookUp(username) {
      await database.ready()
      return await lookUp(username, surroundings.directory)
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

/** The service with its database there, as a command needs it. @throws when it is not */
export async function openReady(settings: Settings): Promise<Service> {
  const service = await openService(settings)
  try {
    await service.database.ready()
    return service
  } catch (error) {
    await service[Symbol.asyncDispose]()
    throw error
  }
}

/** Seals to the recipients in force at the first sealing: most commands seal nothing and need no key. */
function lateSealer(settings: Settings): Sealer {
  let sealer: Promise<Sealer> | undefined
  return {
    async seal(credential) {
      sealer ??= recipientsInForce(settings).then((recipients) => {
        if (recipients === null) throw new SettingsError('no key to seal to: run "mailferry key init"')
        return sealTo(recipients)
      })
      return await (await sealer).seal(credential)
    },
  }
}
