import { randomUUID } from 'node:crypto'
import { availableParallelism, hostname } from 'node:os'
import { type Auth, type OpenAuthDeps, openAuth } from '../auth/auth.ts'
import { argon2id, hashPool } from '../auth/hasher.ts'
import { DATABASE_LIMIT_MS, fromDatabase } from '../auth/unavailable.ts'
import type { Engine } from '../copying/ports.ts'
import { accounts } from '../db/accounts.ts'
import { administrators } from '../db/administrators.ts'
import { attempts } from '../db/attempts.ts'
import { audit } from '../db/audit.ts'
import { collisions } from '../db/collisions.ts'
import { type Database, openDatabase } from '../db/connection/database.ts'
import { shares } from '../db/connection-shares.ts'
import { copyingHosts } from '../db/copying-hosts.ts'
import { credentials } from '../db/credentials.ts'
import { domains } from '../db/domains.ts'
import { imports } from '../db/imports.ts'
import { announce, instances } from '../db/instances.ts'
import { copying } from '../db/jobs.ts'
import { ledgers } from '../db/ledgers.ts'
import { migrations } from '../db/migrations.ts'
import { owners } from '../db/owners.ts'
import { providers } from '../db/providers.ts'
import { provisioner } from '../db/provisioning.ts'
import { rateLimit } from '../db/rate-limits.ts'
import { reports } from '../db/reports.ts'
import { sealings } from '../db/sealings.ts'
import { transitions } from '../db/transitions.ts'
import { userdb } from '../db/userdb.ts'
import { visits } from '../db/visits.ts'
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
import type { Deps } from '../operations/deps.ts'
import { performer } from '../operations/operation.ts'
import { healthOf } from '../operations/provider-health.ts'
import { TEST_LIMITS } from '../operations/provider-login-test.ts'
import { type Delivery, deliveryOf } from '../routing/delivery.ts'
import type { Settings } from '../settings.ts'
import { openBudget } from '../source/budget.ts'
import { LEASE_MS } from '../source/connection-share.ts'
import { guardSource } from '../source/guard.ts'
import type { ProviderStatus, Time } from '../source/ports.ts'
import { budgetedProbe } from '../source/probe.ts'
import { engineFor } from './engine.ts'

/** Everything that interfaces use, wired together. Dispose to leave the database. */
export interface Service extends Deps, AsyncDisposable {
  readonly auth: Auth
  /** Where mail for a recipient is delivered. Throws when it cannot tell. */
  deliveryOf(recipient: string): Promise<Delivery>
  readonly database: Database
  readonly engine: Engine
  readonly verifyDeps: VerifyDeps
  /** How the providers' connections are used in this process. */
  providerStatus(): readonly ProviderStatus[]
  /** What has to be well for the service to be ready, by name. */
  readonly checks: Readonly<Record<string, Check>>
}

/** What `postferry serve` is, and a command is not. */
export interface Serving {
  readonly time: Time
  /** UUID of the service; the next one in its place has the same. */
  readonly instance: string
}

/** @param serving without: nothing is measured, announced or kept in the auth cache */
export async function openService(settings: Settings, serving?: Serving): Promise<Service> {
  const { time, instance } = serving ?? { time: untimed, instance: randomUUID() }
  const database = await openDatabase(settings)
  const { kysely, pool } = database
  const queueLimitMs = settings.answerLimitMs - settings.sourceLimitMs - DATABASE_LIMIT_MS
  const budget = openBudget(shares(kysely, instance, LEASE_MS))
  const source = guardSource(imapSource(settings.sourceLimitMs), { budget, queueLimitMs, time })
  const deps = {
    userdb: userdb(database),
    hasher: hashPool(argon2id, availableParallelism(), time),
    source,
    sealer: sealerInForce(settings),
    provisioner: provisioner(kysely),
    rateLimit: rateLimit(database, settings.failureLimits),
    visits: visits(pool),
    fromDatabase: fromDatabase(time),
    authCacheTtl: { ttlMs: settings.authCacheTtlMs, negativeTtlMs: settings.authCacheNegativeTtlMs },
    isListening: () => listener?.isListening() ?? false,
    home: settings.home,
    recipientDelimiter: settings.recipientDelimiter,
    answerLimitMs: settings.answerLimitMs,
  } satisfies OpenAuthDeps
  const { forget, ...auth } = openAuth(deps)
  const listener = serving && database.listen('postferry_forget', forget)
  const sealsTo = async () => ((await recipientsInForce(settings)) ?? []).map(shortName)
  const presence = serving && announce(kysely, { id: instance, host: hostname() }, sealsTo)
  const records = {
    audit: audit(kysely),
    providers: providers(kysely),
    domains: domains(kysely, settings.home),
    accounts: accounts(kysely),
    migrations: migrations(kysely),
    credentials: credentials(kysely),
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
    rateLimit: rateLimit(database, ADMINISTRATOR_LIMITS, 'admin-'),
    totalRateLimit: rateLimit(database, ADMINISTRATOR_TOTAL, 'admin-all-'),
    visits: deps.visits,
    hasher: deps.hasher,
  }
  const testLimit = rateLimit(database, TEST_LIMITS, 'test-')
  const endpoints = approvedEndpoints(settings)
  const trust = { endpoints, audit: records.audit, actor: `copying on ${hostname()}` }
  const openKeyring = async () => keyring({ opener: await identityOpener(settings), ...trust })
  const engine = engineFor(settings)
  const digests = digestCaches(engine.stateFolder)
  const verifyDeps = { sourceMail, destinationMail, engine, digests, ledgers: records.ledgers }
  const service: Service = {
    perform: (operation, said, caller) => perform(operation, said, caller),
    settings,
    database,
    budget,
    verifyDeps,
    ...verifyDeps,
    hasher: argon2id,
    ...records,
    administrators: panel.administrators,
    totpSealer: panel.totpSealer,
    checks: {
      database: database.reach,
      upgrades: database.check,
      'seal-key': () => refuseRetiredKey(deps.sealer, sealings(kysely)),
    },
    ...{ probe: probeWith, testLimit, source },
    health: healthOf({ providers: records.providers, probe: probeWith, status: source.status }),
    transitions: transitions(kysely),
    ...{ userdb: deps.userdb, sealer: deps.sealer },
    copyingHosts: copyingHosts(kysely),
    reports: reports(kysely),
    copying: copying(kysely),
    collisions: collisions(kysely),
    imports: imports(kysely),
    sealings: sealings(kysely),
    rotateKey: (by, onProgress) =>
      rotateKey(settings, { sealings: sealings(kysely), audit: records.audit }, by, onProgress),
    dropOldKeys: (by) =>
      dropOldKeys(settings, { sealings: sealings(kysely), audit: records.audit, instances: instances(kysely) }, by),
    keyring: openKeyring,
    endpoints,
    signInAdministrator: (question) => signInAdministrator(question, panel),
    auth,
    deliveryOf: (recipient) => deliveryOf(recipient, { ...deps, owners: owners(database) }),
    providerStatus: source.status,
    async [Symbol.asyncDispose]() {
      listener?.[Symbol.dispose]()
      await presence?.[Symbol.asyncDispose]()
      await budget[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
  const perform = performer<Deps>(service)
  return service
}

const untimed: Time = (_, work) => work()

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
