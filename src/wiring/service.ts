import { randomUUID } from 'node:crypto'
import { availableParallelism, hostname } from 'node:os'
import { type Auth, type OpenAuthDeps, openAuth } from '../auth/auth.ts'
import { argon2id, hashPool } from '../auth/hasher.ts'
import { fromDatabase, queueLimitMs } from '../auth/unavailable.ts'
import type { Engines } from '../copying/ports.ts'
import { accounts } from '../db/accounts.ts'
import { administrators } from '../db/administrators.ts'
import { aliases } from '../db/aliases.ts'
import { attempts } from '../db/attempts.ts'
import { audit } from '../db/audit.ts'
import { backups } from '../db/backups.ts'
import { boards } from '../db/boards.ts'
import { collisions } from '../db/collisions.ts'
import { type Database, openDatabase } from '../db/connection/database.ts'
import { shares } from '../db/connection-shares.ts'
import { copyingHosts } from '../db/copying-hosts.ts'
import { counts } from '../db/counts.ts'
import { credentials } from '../db/credentials.ts'
import { domains } from '../db/domains.ts'
import { imports } from '../db/imports.ts'
import { announce, instances } from '../db/instances.ts'
import { copying } from '../db/jobs.ts'
import { ledgers } from '../db/ledgers.ts'
import { migrations } from '../db/migrations.ts'
import { onlyAtSource } from '../db/only-at-source.ts'
import { owners } from '../db/owners.ts'
import { providers } from '../db/providers.ts'
import { provisioner } from '../db/provisioning.ts'
import { rateLimit } from '../db/rate-limits.ts'
import { recipients } from '../db/recipients.ts'
import { reports } from '../db/reports.ts'
import { holds, routes } from '../db/routes.ts'
import { sealings } from '../db/sealings.ts'
import { sourceBytes } from '../db/source-bytes.ts'
import { transitions } from '../db/transitions.ts'
import { userdb } from '../db/userdb.ts'
import { visits } from '../db/visits.ts'
import { shownMail } from '../engines/doveadm/shown-mail.ts'
import type { Check } from '../http/health.ts'
import { imapSource } from '../imap/login/ask.ts'
import { connectionsAtOnce } from '../imap/probe/connections.ts'
import { probe as imapProbe } from '../imap/probe/probe.ts'
import { sourceMail } from '../imap/read/listing.ts'
import { manageSieve } from '../imap/sieve/filters.ts'
import { approvedEndpoints } from '../keys/approved-endpoints.ts'
import { keyring } from '../keys/open-credential.ts'
import { totpSealer } from '../keys/panel-key.ts'
import { dropOldKeys, rotateKey } from '../keys/rotate.ts'
import { refuseRetiredKey, sealerInForce, sealsTo } from '../keys/sealer.ts'
import { identityOpener, panelKeyInForce } from '../keys/secrets.ts'
import { digestCaches } from '../ledger/digest-cache.ts'
import type { VerifyDeps } from '../ledger/verify.ts'
import { destinationMail } from '../maildir/listing.ts'
import {
  ADMINISTRATOR_LIMITS,
  ADMINISTRATOR_TOTAL,
  type AdministratorDeps,
  signInAdministrator,
} from '../operations/administrator-login.ts'
import type { Deps, OperationDeps } from '../operations/deps.ts'
import { performer } from '../operations/operation.ts'
import { healthOf } from '../operations/provider-health.ts'
import { TEST_LIMITS } from '../operations/provider-login-test.ts'
import { standingOf } from '../operations/standing.ts'
import { version } from '../operations/version.ts'
import { type Delivery, deliveryOf } from '../routing/delivery.ts'
import { confirmHolds, RouteReads } from '../routing/holds.ts'
import { sessionRoute } from '../routing/route.ts'
import type { Settings } from '../settings.ts'
import { probeMx } from '../smtp/probe.ts'
import { openBudget } from '../source/budget.ts'
import { LEASE_MS } from '../source/connection-share.ts'
import { guardSource } from '../source/guard.ts'
import type { ProviderStatus, Time } from '../source/ports.ts'
import { budgetedProbe } from '../source/probe.ts'
import { enginesFor } from './engine.ts'

/** Everything that interfaces use, wired together. Dispose to leave the database. */
export interface Service extends Deps, AsyncDisposable {
  readonly auth: Auth
  /** Where mail for a recipient is delivered. Throws when it cannot tell. */
  deliveryOf(recipient: string): Promise<Delivery>
  readonly database: Database
  readonly engine: Engines
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
  /** Told what keeps it from confirming that it has answered everybody. */
  onTrouble(cause: unknown): void
}

/** How long a sign-in waits for a flip: longer than one may hold it. */
const HELD_LIMIT_MS = 25_000

/** @param serving without: nothing is measured, announced or kept in the auth cache */
export async function openService(settings: Settings, serving?: Serving): Promise<Service> {
  const { time, instance } = serving ?? { time: untimed, instance: randomUUID() }
  const database = await openDatabase(settings)
  const { kysely } = database
  const stores = storesIn(database, settings)

  const limits = { sourceLimitMs: settings.sourceLimitMs, queueLimitMs: queueLimitMs(settings) }
  const budget = openBudget(shares(kysely, instance, LEASE_MS))
  const source = guardSource(imapSource(limits.sourceLimitMs), { ...limits, budget, time })
  const probe = budgetedProbe(imapProbe, { ...limits, budget })

  const sealer = sealerInForce(settings)
  const totp = totpSealer(() => panelKeyInForce(settings))
  const endpoints = approvedEndpoints(settings)
  const trust = { endpoints, audit: stores.audit, actor: `copying on ${hostname()}` }
  const engine = enginesFor(settings)
  const digests = digestCaches(engine.stateFolder)
  const shown = shownMail({
    ...{ dovecotConf: settings.dovecotConf, files: destinationMail },
    directoriesOf: (mailboxes) => engine.directoriesOf(mailboxes),
  })
  const verifyDeps: VerifyDeps = { sourceMail, destinationMail: shown, engine, digests, ledgers: stores.ledgers }

  const reads = new RouteReads()
  const routeDeps = { routes: routes(database, reads), fromDatabase: fromDatabase(time) }
  const confirm = confirmHolds(reads, holds(database, instance), {
    forget: (address) => auth.forget(address),
    onTrouble: serving?.onTrouble ?? (() => undefined),
  })
  const confirming = serving && database.listen('postferry_holds', confirm)

  const authDeps: OpenAuthDeps = {
    ...{ source, sealer, userdb: stores.userdb, visits: stores.visits, provisioner: provisioner(kysely) },
    hasher: hashPool(argon2id, availableParallelism(), time),
    rateLimit: rateLimit(database, settings.failureLimits),
    fromDatabase: fromDatabase(time),
    authCacheTtl: { ttlMs: settings.authCacheTtlMs, negativeTtlMs: settings.authCacheNegativeTtlMs },
    listen: serving ? (forget) => database.listen('postferry_forget', forget) : null,
    ...{ home: settings.home, recipientDelimiter: settings.recipientDelimiter },
    answerLimitMs: settings.answerLimitMs,
    sessionRoute: (address) => sessionRoute(address, routeDeps, HELD_LIMIT_MS),
  }
  const auth = openAuth(authDeps)
  const presence = serving && announce(kysely, { id: instance, host: hostname() }, () => sealsTo(settings))
  const panelDeps: AdministratorDeps = {
    ...{ administrators: stores.administrators, visits: stores.visits, hasher: authDeps.hasher },
    totpSealer: totp,
    rateLimit: rateLimit(database, ADMINISTRATOR_LIMITS, 'admin-'),
    totalRateLimit: rateLimit(database, ADMINISTRATOR_TOTAL, 'admin-all-'),
  }

  const operationDeps = {
    ...{ settings, database, budget, source, probe, sealer, endpoints, ...verifyDeps, ...stores },
    ...{ hasher: argon2id, totpSealer: totp },
    ...{ connectionsAtOnce, manageSieve, probeMx, testLimit: rateLimit(database, TEST_LIMITS, 'test-') },
    ...healthOf({ providers: stores.providers, probe, status: source.status }),
    keyring: async () => keyring({ opener: await identityOpener(settings), ...trust }),
    rotateKey: (by, onProgress) => rotateKey(settings, stores, by, onProgress),
    dropOldKeys: (by) => dropOldKeys(settings, stores, by),
    signInAdministrator: (question) => signInAdministrator(question, panelDeps),
    standing: () => standingOf({ ...stores, counts: counts(kysely) }),
  } satisfies OperationDeps
  return {
    ...operationDeps,
    perform: performer<OperationDeps>(operationDeps),
    ...{ auth, engine, verifyDeps, providerStatus: source.status },
    deliveryOf: (recipient) => deliveryOf(recipient, { ...authDeps, owners: owners(database, reads) }),
    checks: {
      database: database.reach,
      upgrades: database.check,
      'seal-key': () => refuseRetiredKey(sealer, stores.sealings),
    },
    async [Symbol.asyncDispose]() {
      auth[Symbol.dispose]()
      confirming?.[Symbol.dispose]()
      await presence?.[Symbol.asyncDispose]()
      await budget[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

/** What the database keeps, by the names of the interfaces. */
function storesIn(database: Database, { home }: Settings) {
  const { kysely, pool } = database
  return {
    ...{ accounts: accounts(kysely), administrators: administrators(kysely), attempts: attempts(kysely) },
    sourceBytes: sourceBytes(kysely),
    ...{ aliases: aliases(kysely), backups: backups(database, version()), boards: boards(kysely) },
    onlyAtSource: onlyAtSource(kysely, recipients(database)),
    ...{ audit: audit(kysely), collisions: collisions(kysely), copying: copying(kysely) },
    ...{ copyingHosts: copyingHosts(kysely), credentials: credentials(kysely), domains: domains(kysely, home) },
    ...{ imports: imports(kysely), instances: instances(kysely), ledgers: ledgers(kysely) },
    ...{ migrations: migrations(kysely), providers: providers(kysely), reports: reports(kysely) },
    ...{ sealings: sealings(kysely), transitions: transitions(kysely), userdb: userdb(database), visits: visits(pool) },
  }
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
