import { randomUUID } from 'node:crypto'
import { availableParallelism, hostname } from 'node:os'
import { argon2id } from '../auth/argon2id.ts'
import { NegativeCache, PositiveCache } from '../auth/auth-cache.ts'
import type { Deps } from '../auth/authenticate.ts'
import { keyedDigest } from '../auth/credential-digest.ts'
import { boundHasher } from '../auth/hash-pool.ts'
import { signIn } from '../auth/login.ts'
import type { Captures, Directory, Tries } from '../auth/ports.ts'
import { DATABASE_LIMIT_MS } from '../auth/unavailable.ts'
import type { Engine } from '../copying/ports.ts'
import { accounts } from '../db/accounts.ts'
import { administrators } from '../db/administrators.ts'
import { attempts } from '../db/attempts.ts'
import { audit } from '../db/audit.ts'
import { collisions } from '../db/collisions.ts'
import { type Database, openDatabase } from '../db/connection/database.ts'
import type { Listener } from '../db/connection/listener.ts'
import { shares } from '../db/connection-shares.ts'
import { copying } from '../db/copying.ts'
import { copyingHosts } from '../db/copying-hosts.ts'
import { credentials } from '../db/credentials.ts'
import { directory } from '../db/directory.ts'
import { domains } from '../db/domains.ts'
import { imports } from '../db/imports.ts'
import { announce, instances } from '../db/instances.ts'
import { ledgers } from '../db/ledgers.ts'
import { migrations } from '../db/migrations.ts'
import { providers } from '../db/providers.ts'
import { captures } from '../db/provisioning.ts'
import { failures } from '../db/rate-limits.ts'
import { reports } from '../db/reports.ts'
import { sealings } from '../db/sealings.ts'
import { transitions } from '../db/transitions.ts'
import { visits } from '../db/visits.ts'
import type { Asked } from '../http/auth/passdb.ts'
import type { Check } from '../http/health.ts'
import { imapSource } from '../imap/login/ask.ts'
import { probe } from '../imap/probe/probe.ts'
import { sourceMail } from '../imap/read/listing.ts'
import { shortName } from '../keys/age.ts'
import { approvedEndpoints } from '../keys/approved-endpoints.ts'
import { keyring } from '../keys/open-credential.ts'
import { totpSealer } from '../keys/panel-key.ts'
import { dropOldKeys, rotateKey } from '../keys/rotate.ts'
import { refuseRetiredKey, sealerInForce } from '../keys/sealer.ts'
import { identityOpener, panelKeyInForce, recipientsInForce } from '../keys/secrets.ts'
import { digestCaches } from '../ledger/digest-cache.ts'
import type { VerifyDeps } from '../ledger/verify.ts'
import { destinationMail } from '../maildir/listing.ts'
import { ADMINISTRATOR_LIMITS, ADMINISTRATOR_TOTAL, signInAdministrator } from '../operations/administrator-login.ts'
import { bulk } from '../operations/bulk.ts'
import { finishMigration } from '../operations/finish.ts'
import type { House } from '../operations/house.ts'
import { importPeople, oneAtATime } from '../operations/import.ts'
import { performer } from '../operations/operation.ts'
import type { Accounts } from '../operations/ports.ts'
import { healthOf } from '../operations/provider-health.ts'
import { TRIAL_LIMITS, trySignIn } from '../operations/provider-login-test.ts'
import { testProvider } from '../operations/provider-test.ts'
import { type RenewalDeps, renewCredential } from '../operations/renew-credential.ts'
import { report } from '../operations/report.ts'
import { allAddresses, lookUp } from '../operations/userdb.ts'
import { verifyAccount } from '../operations/verify.ts'
import type { Settings } from '../settings.ts'
import { type Budget, openBudget } from '../source/budget.ts'
import { LEASE_MS } from '../source/connection-share.ts'
import { guardSource } from '../source/guard.ts'
import type { Time } from '../source/ports.ts'
import { budgetedProbe } from '../source/probe.ts'
import { timed } from '../source/timed.ts'
import { engineFor } from './engine.ts'

/** Everything that the doors can ask for, wired together. Dispose to let go of the database. */
export interface Service extends House {
  readonly asked: Asked
  readonly database: Database
  readonly budget: Budget
  readonly engine: Engine
  readonly verifyDeps: VerifyDeps
  /** What has to be well for the service to be ready, by name. */
  readonly checks: Readonly<Record<string, Check>>
  /** Begins to remember right passwords, and to hear of what makes them wrong. */
  watch(): void
}

/** @param id a UUID of this process, or of the service whose place it takes */
export async function openService(
  settings: Settings,
  time: Time = (_, work) => work(),
  id: string = randomUUID(),
): Promise<Service> {
  const database = await openDatabase(settings)
  const { kysely } = database
  let changes: Listener | undefined
  let presence: AsyncDisposable | undefined
  const isTold = () => changes?.isListening() ?? false
  const successes = new PositiveCache(settings.authCacheTtlMs, isTold)
  const repeats = new NegativeCache(settings.authCacheNegativeTtlMs, isTold)
  const counted = failures(database.pool, settings.failureLimits)
  const queueLimitMs = settings.answerLimitMs - settings.sourceLimitMs - DATABASE_LIMIT_MS
  const budget = openBudget(shares(kysely, id, LEASE_MS))
  const guarded = guardSource(timed(imapSource(settings.sourceLimitMs), 'old', time), { budget, queueLimitMs })
  const deps = {
    directory: timed(readied(directory(kysely), database), 'database', time),
    hasher: timed(boundHasher(argon2id, Math.min(availableParallelism(), MOST_HASHES)), 'hash', time),
    old: guarded,
    sealer: sealerInForce(settings),
    captures: forgetful(timed(captures(kysely), 'database', time), (address) => {
      successes.forget(address)
      repeats.forget()
    }),
    failures: { ...timed(counted, 'database', time), isShut: counted.isShut },
    visits: timed(visits(database.pool), 'database', time),
    refusals: new NegativeCache(settings.authCacheNegativeTtlMs),
    digest: keyedDigest(),
    credentials: credentials(kysely),
    home: settings.home,
    recipientDelimiter: settings.recipientDelimiter,
  } satisfies Deps & RenewalDeps
  const records = {
    audit: audit(kysely),
    providers: providers(kysely),
    domains: domains(kysely, settings.home),
    accounts: accounts(kysely),
    migrations: migrations(kysely),
    credentials: deps.credentials,
    ledgers: ledgers(kysely),
    attempts: attempts(kysely),
  }
  const probeWith = budgetedProbe(
    (provider, stranger) => probe(provider, stranger, settings.sourceLimitMs),
    budget,
    queueLimitMs,
  )
  const panel = {
    administrators: administrators(kysely),
    totpSealer: totpSealer(() => panelKeyInForce(settings)),
    tries: readiedTries(failures(database.pool, ADMINISTRATOR_LIMITS, 'admin-'), database),
    allTries: failures(database.pool, ADMINISTRATOR_TOTAL, 'admin-all-'),
    visits: deps.visits,
    hasher: deps.hasher,
  }
  const trials = readiedTries(failures(database.pool, TRIAL_LIMITS, 'trial-'), database)
  const endpoints = approvedEndpoints(settings)
  const onTrust = (provider: string, detail: string) =>
    records.audit.record(provider, {
      actor: `copying on ${hostname()}`,
      reason: null,
      action: 'provider.trust',
      detail,
    })
  const openKeyring = async () => keyring({ opener: await identityOpener(settings), endpoints, onTrust })
  const engine = engineFor(settings)
  const digests = digestCaches(engine.stateFolder)
  const verifyDeps = { sourceMail, destinationMail, engine, digests, ledgers: records.ledgers }
  const service: Service = {
    perform: (operation, said, caller) => perform(operation, said, caller),
    settings,
    database,
    budget,
    engine,
    verifyDeps,
    hasher: argon2id,
    ...records,
    administrators: panel.administrators,
    totpSealer: panel.totpSealer,
    checks: {
      database: database.reach,
      upgrades: database.check,
      'seal-key': () => refuseRetiredKey(deps.sealer, sealings(kysely)),
    },
    probe: (provider) => probeWith(provider),
    testProvider: (provider, actor) => testProvider(provider, actor, { ...records, probe: probeWith, trials }),
    trySignIn: (provider, username, password) => trySignIn(provider, username, password, { old: guarded, trials }),
    health: healthOf({
      providers: records.providers,
      probe: (provider) => probeWith(provider),
      status: guarded.status,
    }),
    bulk: bulk(transitions(kysely)),
    copyingHosts: copyingHosts(kysely),
    report: (scope) =>
      report(scope, new Date(), {
        ...{
          reports: reports(kysely),
          collisions: collisions(kysely),
          copying: copying(kysely),
          copyingHosts: copyingHosts(kysely),
        },
      }),
    collisions: collisions(kysely),
    importPeople: oneAtATime((lines, options) => importPeople(lines, options, { ...deps, imports: imports(kysely) })),
    verify: (address, options) =>
      verifyAccount(
        address,
        { ...records, ...verifyDeps, budget, keyring: openKeyring, reader: `verify on ${hostname()}` },
        options,
      ),
    finish: (address, force, by) => finishMigration(address, force, by, { ...records, digests }),
    sealings: sealings(kysely),
    rotateKey: (by, onProgress) =>
      rotateKey(settings, { sealings: sealings(kysely), audit: records.audit }, by, onProgress),
    dropOldKeys: (by) =>
      dropOldKeys(settings, { sealings: sealings(kysely), audit: records.audit, instances: instances(kysely) }, by),
    keyring: openKeyring,
    endpoints,
    renewCredential: (address, password, by) => renewCredential(address, password, by, deps),
    signInAdministrator: (question) => signInAdministrator(question, panel),
    asked: {
      signIn: signIn(deps, { answerLimitMs: settings.answerLimitMs, successes, repeats }),
      lookUp: (username) => lookUp(username, deps),
      addresses: () => allAddresses(readiedAccounts(records.accounts, database)),
      providers: guarded.status,
    },
    watch() {
      changes ??= database.listen('postferry_forget', (address) => {
        successes.forget(address)
        repeats.forget()
        if (address === null) deps.refusals.forget()
      })
      presence ??= announce(kysely, { id, host: hostname() }, async () =>
        ((await recipientsInForce(settings)) ?? []).map(shortName),
      )
    },
    async [Symbol.asyncDispose]() {
      changes?.[Symbol.dispose]()
      await presence?.[Symbol.asyncDispose]()
      await budget[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
  const perform = performer<House>(service)
  return service
}

/** Hashing runs on the threads that also look up the names of hosts: one of them stays free. */
const MOST_HASHES = 3

/** Looks nothing up before the database has this program's schema. */
function readied(found: Directory, database: Database): Directory {
  return {
    async sourceDomainsOf(domain) {
      await database.ready()
      return await found.sourceDomainsOf(domain)
    },
    accountOf: found.accountOf,
    awaited: found.awaited,
  }
}

function readiedAccounts({ addressesAfter }: Pick<Accounts, 'addressesAfter'>, database: Database) {
  return {
    async addressesAfter(address: string, limit: number) {
      await database.ready()
      return await addressesAfter(address, limit)
    },
  }
}

/** Counts nothing before the database has this program's schema. */
function readiedTries({ take, giveBack }: Tries, database: Database): Tries {
  return {
    async take(suspect) {
      await database.ready()
      return await take(suspect)
    },
    giveBack,
  }
}

/** Our own renewal of a password is forgotten at once: what the database tells comes a moment later. */
function forgetful({ capture, ...others }: Captures, forget: (address: string) => void): Captures {
  return {
    ...others,
    async capture(arrival) {
      const account = await capture(arrival)
      forget(arrival.address.text)
      return account
    },
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
