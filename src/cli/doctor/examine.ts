import { existsSync } from 'node:fs'
import type { EngineCheck, Engines } from '../../copying/ports.ts'
import { readDovecot } from '../../files/doveconf.ts'
import { recipientsInForce } from '../../keys/secrets.ts'
import { covers, endpointOf, endpointText } from '../../model/endpoint.ts'
import { type Provider, warningOf } from '../../model/provider.ts'
import type { Deps } from '../../operations/deps.ts'
import type { Settings } from '../../settings.ts'
import { identityHere } from '../commands/key.ts'
import type { CliDeps } from '../deps.ts'
import { isDatabaseMade } from '../terminal/database-made.ts'
import { explain } from '../terminal/exit.ts'
import { checkBeforeFlip } from './before-flip.ts'
import { checkBeforeMx } from './before-mx.ts'
import { judged } from './certificate.ts'
import { checkCopying } from './copying.ts'
import { checkDkim } from './dkim.ts'
import { checkDns, openDns } from './dns.ts'
import { checkDovecot } from './dovecot.ts'
import type { Finding } from './finding.ts'
import { checkFiles, checkListeners, checkSettingsFile } from './host.ts'
import { checkOwnDomains } from './own-domains.ts'
import { checkPeople } from './people.ts'
import { checkPostfix, readPostfix } from './postfix.ts'
import { checkClock, checkRoom, checkUnits } from './system.ts'

const PROBES_AT_ONCE = 8

export interface Looking {
  /** Dovecot's configuration, where it is not in its usual place. */
  readonly dovecotConfig?: string
  /** Whom to ask for the DNS; default: whom this host asks. */
  readonly dnsServer?: string
  /** By which name this server's DKIM keys are in the DNS. */
  readonly dkimSelector?: string
  /** What is to be changed next. */
  readonly before?: 'mx' | 'flip'
}

/** Looks at everything, one thing after the other, and makes nothing. */
export async function* examine(deps: CliDeps, looking: Looking): AsyncGenerator<Finding> {
  const { settings, engine: enginesFor, room } = deps
  const { dovecotConfig } = looking
  const inForce = attempt(settings)
  if (inForce instanceof Error) {
    yield { check: 'settings', result: 'fail', found: inForce.message, remedy: 'correct the setting that is named' }
    return
  }
  yield { check: 'settings', result: 'ok', found: `data directory ${inForce.dataDir}` }
  yield* checkSettingsFile()
  if (!(yield* checkFiles(inForce))) return
  const engine = enginesFor()
  yield await checkKey(inForce, engine)
  const isMade = isDatabaseMade(inForce)
  if (!isMade) {
    const remedy = 'start "postferry serve", or set DATABASE_URL'
    yield { check: 'database', result: 'warn', found: 'not made yet', remedy }
  } else yield* checkRecords(deps, engine, looking)
  const wanting = isMade && copiesHere(inForce, engine) !== null ? await providersOf(deps) : []
  for (const { name, check } of engine.all) yield { check: name, ...neededBy(wanting, name, await check()) }
  yield* checkChoice(wanting, engine)
  yield checkRoom(inForce, engine.stateFolder, room())
  yield* checkUnits()
  yield* checkDovecot(inForce, dovecotConfig)
  yield* checkPostfix(await readPostfix(), inForce)
  yield* checkListeners(inForce)
}

/** Empty where they cannot be asked for: that is told elsewhere. */
async function providersOf({ openUnready }: CliDeps): Promise<readonly Provider[]> {
  const opened = await openUnready().catch(() => null)
  if (opened === null) return []
  await using deps = opened
  return await deps.providers.list().catch(() => [])
}

/** What `auto` comes to here; that OfflineIMAP copies slowly is told, and no trouble. */
async function* checkChoice(providers: readonly Provider[], engines: Engines): AsyncGenerator<Finding> {
  const left = providers.filter(({ engine }) => engine === 'auto').map(({ name }) => name)
  if (left.length === 0) return
  const { engine, why, isUnfit } = await engines.byDefault()
  const found = `${engine} ${isUnfit ? 'cannot copy' : 'copies'} ${left.join(', ')}: ${why}`
  yield { check: 'engine', result: isUnfit ? 'fail' : 'ok', found }
}

/** An engine that is missing is no trouble unless a provider names it. */
function neededBy(providers: readonly Provider[], name: string, { isMissing, ...found }: EngineCheck): EngineCheck {
  const named = providers.filter(({ engine }) => engine === name).map((provider) => provider.name)
  if (!isMissing || named.length === 0) return found
  const remedy = `apt-get install --yes dovecot-core, or postferry provider set ${named[0]} --engine offlineimap`
  return { result: 'fail', found: `not usable here, and ${named.join(', ')} copies with it`, remedy }
}

async function checkKey(settings: Settings, engine: Engines): Promise<Finding> {
  const check = 'key'
  try {
    const recipients = await recipientsInForce(settings)
    if (recipients === null)
      return { check, result: 'fail', found: 'no key was made', remedy: 'run "postferry key init"' }
    const { identity, why } = await identityHere(settings, recipients)
    const signOfCopying = copiesHere(settings, engine)
    switch (identity) {
      case 'matches':
        return { check, result: 'ok', found: `${why} opens what is sealed; only a copying host should have it` }
      case 'absent':
        if (signOfCopying !== null) {
          const remedy = 'put it there; or, when other hosts copy, take away what tells that this one does'
          return { check, result: 'fail', found: `${why}, but ${signOfCopying}`, remedy }
        }
        return { check, result: 'ok', found: `sealing only: ${why}, which is right for a web-facing host` }
      case 'unreadable':
        return { check, result: 'warn', found: why, remedy: 'on a copying host: run as a user who may read it' }
      case 'does not match':
        return { check, result: 'fail', found: why, remedy: 'put the right identity file there, or take this one away' }
    }
  } catch (error) {
    return failed(check, error, 'make it readable')
  }
}

/** What tells that this host copies mail, and so needs the identity file; null: nothing does. */
function copiesHere({ identityNamed }: Settings, { stateFolder }: Engines): string | null {
  if (identityNamed) return 'POSTFERRY_IDENTITY_FILE names it'
  return existsSync(stateFolder) ? `this host has copied mail (${stateFolder})` : null
}

async function* checkRecords(
  { openUnready, sessions }: CliDeps,
  engine: Engines,
  { dovecotConfig, dnsServer, dkimSelector, before }: Looking,
): AsyncGenerator<Finding> {
  const opened = await openUnready().catch((error: Error) => error)
  if (opened instanceof Error) {
    yield failed('database', opened, 'see the reason')
    return
  }
  await using deps = opened
  const reach = await tried('database', deps.database.reach(), 'answers', 'start PostgreSQL, or correct DATABASE_URL')
  yield reach
  if (reach.result === 'fail') return
  const upgrades = await tried('upgrades', deps.database.check(), 'none is pending', 'run "postferry upgrade"')
  yield upgrades
  if (upgrades.result === 'fail') return
  yield await checkClock(deps)
  yield* checkProviders(deps)
  yield* checkPeople(deps)
  yield* checkCopying(deps, engine)
  yield await checkPanel(deps)
  const postfix = await readPostfix()
  const [all, dns] = [await deps.domains.list(), openDns(dnsServer)]
  if (postfix !== null) yield* checkOwnDomains(all)
  yield* checkDns(all, postfix, dns)
  yield* checkDkim(all, postfix, dns, dkimSelector)
  if (before === 'mx') yield* checkBeforeMx(deps, postfix)
  if (before === 'flip') {
    const dovecot = await readDovecot(dovecotConfig).catch(() => null)
    yield* checkBeforeFlip(deps, { sessions: sessions(), engine, dovecot })
  }
}

async function* checkProviders(deps: Deps): AsyncGenerator<Finding> {
  const { providers, domains, probe } = deps
  const all = await providers.list()
  const served = new Set((await domains.list()).map(({ provider }) => provider))
  if (all.length === 0) {
    const remedy = 'postferry provider add NAME --host HOST'
    yield { check: 'providers', result: 'warn', found: 'there is none', remedy }
  }
  for (let start = 0; start < all.length; start += PROBES_AT_ONCE) {
    const some = all.slice(start, start + PROBES_AT_ONCE)
    yield* (await Promise.all(some.map((provider) => checkProvider(provider, probe)))).flat()
  }
  for (const provider of all) yield* checkApproval(provider, deps)
  for (const provider of all) yield* checkTls(provider)
  for (const { name } of all) {
    if (served.has(name)) continue
    const remedy = `postferry domain add DOMAIN --provider ${name}`
    yield { check: `provider ${name}`, id: 'provider', result: 'warn', found: 'no domain comes from it', remedy }
  }
}

async function checkProvider(provider: Provider, probe: Deps['probe']): Promise<Finding[]> {
  const check = `provider ${provider.name}`
  const findings: Finding[] = []
  for await (const { ok, step, found, isBusy, daysLeft } of probe(provider)) {
    // Whoever trusts one certificate trusts it whatever its dates.
    if (daysLeft !== undefined && provider.fingerprint === null) {
      findings.push({ check, id: 'provider-certificate', ...judged(provider.host, daysLeft) })
    }
    if (ok) continue
    const remedy = `postferry provider test ${provider.name}`
    return [
      { check, id: 'provider', result: isBusy ? 'warn' : 'fail', found: `${step}: ${found}`, remedy },
      ...findings,
    ]
  }
  return [{ check, id: 'provider', result: 'ok', found: `${provider.host} port ${provider.port} answers` }, ...findings]
}

/** Whether this host may send kept passwords where the provider is now. */
function* checkApproval(provider: Provider, { settings, endpoints }: Deps): Generator<Finding> {
  if (!existsSync(settings.identityFile)) return
  const [check, id] = [`provider ${provider.name}`, 'provider-approval']
  const remedy = `when "postferry provider show ${provider.name}" is right: postferry provider approve ${provider.name}`
  try {
    const approved = endpoints.approved(provider.name)
    if (approved === null) return
    const only = `this host sends kept passwords to ${endpointText(approved)} only (${endpoints.keptIn(provider.name)})`
    if (covers(approved, endpointOf(provider))) yield { check, id, result: 'ok', found: only }
    else yield { check, id, result: 'fail', found: `nothing is copied: ${only}`, remedy }
  } catch (error) {
    yield { ...failed(check, error, remedy), id }
  }
}

function* checkTls(provider: Provider): Generator<Finding> {
  const found = warningOf(provider)
  if (found === null) return
  const set = `postferry provider set ${provider.name}`
  const remedy =
    provider.tls === 'none'
      ? `${set} --tls starttls, or ${set} --filters leave`
      : `${set} --tls-min 1.2, as soon as the server knows it`
  yield { check: `provider ${provider.name}`, id: 'provider-tls', result: 'warn', found, remedy }
}

async function checkPanel({ administrators }: Deps): Promise<Finding> {
  const check = 'panel'
  const all = await administrators.list()
  if (all.some(({ role }) => role === 'owner')) return { check, result: 'ok', found: `${all.length} may sign in` }
  return { check, result: 'warn', found: 'it has no owner yet', remedy: 'postferry admin add NAME' }
}

async function tried(check: string, work: Promise<void>, found: string, remedy: string): Promise<Finding> {
  try {
    await work
    return { check, result: 'ok', found }
  } catch (error) {
    return failed(check, error, remedy)
  }
}

function failed(check: string, error: unknown, remedy: string): Finding {
  const found = explain(error)
    .line.replace(/^postferry: /, '')
    .trim()
  return { check, result: 'fail', found, remedy }
}

function attempt<T>(make: () => T): T | Error {
  try {
    return make()
  } catch (error) {
    return error as Error
  }
}
