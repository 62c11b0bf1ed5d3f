import { userInfo } from 'node:os'
import type { Dovecot } from '../support/dovecot.ts'
import { copy } from './copying.ts'
import { flip } from './flip.ts'
import { newAddressOf, PEOPLE, type Person, TOWNS, townOf } from './people.ts'
import { Postferry } from './postferry.ts'
import { compare, isExact, result } from './proof.ts'
import {
  accountAt,
  accountAtSource,
  accountOnNew,
  look,
  type SourceServer,
  startNewServer,
  startSourceServers,
} from './servers.ts'
import { bold, dim, green, print, red, say, step, table } from './show.ts'
import type { Stage } from './stage.ts'

const TRAVELLERS = PEOPLE.filter(({ staysAway }) => !staysAway)
const PROXIED = TRAVELLERS.filter((person) => townOf(person).isProxied)

/** What the demo shows, in its order. */
export async function story(stage: Stage, keep: boolean): Promise<void> {
  const began = performance.now()
  greet(stage)
  const ferry = await Postferry.prepare(stage)

  step('three old IMAP servers, real Dovecots')
  const old = await startSourceServers(stage)
  await showSource(old)

  step('postferry, with PostgreSQL inside of its data directory')
  say(`Ready: ${(await ferry.serve()).join(', ')}.`)

  step('postferry is told about the old server: a provider for each server, and its domains')
  for (const server of old) await introduce(ferry, server)

  step('the new server: a real Dovecot that asks postferry who may sign in (deploy/dovecot)')
  const now = await startNewServer(stage, ferry)
  say(`IMAP on ${now.host}:${now.tlsPort}. It knows nobody yet.`)

  step('Four people sign in at the new server with their old passwords')
  await signIn(now)
  await showCaptured(ferry)

  step('postferry sync copies their mail')
  say(
    `It runs as ${userInfo().username}, who owns the mail on the new server and runs postferry, too: the usual way on one machine.`,
  )
  await copy(stage, ferry, '--once')
  const shown = await ferry.ask('postferry', 'provider', 'show', TOWNS[0].provider, '--json')
  say(dim(`copied with ${JSON.parse(shown.join('')).copies_with}`))
  await showArrived(now)

  step('The same again: nothing is copied twice')
  for (const person of TRAVELLERS) {
    const again = await copy(stage, ferry, '--account', newAddressOf(person))
    if (again > 0) throw new Error(`the second run copied ${again} messages`)
  }

  for (const person of PROXIED) {
    step(`${person.address} comes to the new server while the mail program is connected`)
    await flip(stage, ferry, now, person)
  }

  step('the old server against the new server, message by message')
  const text = await prove(old, now)
  print(`\n${bold(green(text))} ${dim(`(${Math.round((performance.now() - began) / 1000)} s)`)}`)
  if (keep) await stay(stage, now)
}

function greet({ folder }: Stage): void {
  print(bold('postferry demo: people move from the old server to the new one by signing in at the new one'))
  print(dim(`Everything runs on this machine as ${userInfo().username}, in ${folder}, and is removed in the end.`))
}

async function showSource(servers: SourceServer[]): Promise<void> {
  const rows = await Promise.all(
    PEOPLE.map(async (person) => {
      const { folders, messages } = await look(await accountAtSource(servers, person))
      const { provider, naming } = townOf(person)
      return [person.address, provider, `"${naming.separator}"`, naming.prefix || '-', folders, messages]
    }),
  )
  table(['person', 'provider', 'separator', 'prefix', 'folders', 'messages'], rows)
  say(dim('anna and dora have what breaks copies: odd folder names, broken messages, dates from 1970 to 2038.'))
}

async function introduce(ferry: Postferry, { town, dovecot }: SourceServer): Promise<void> {
  await ferry.command('postferry', 'provider', 'add', town.provider, ...wayTo({ town, dovecot }))
  await ferry.command('postferry', 'provider', 'test', town.provider)
  for (const [domain, newDomain] of Object.entries(town.domains)) {
    const renamed = domain === newDomain ? [] : ['--new-domain', newDomain]
    await ferry.command('postferry', 'domain', 'add', domain, '--provider', town.provider, ...renamed)
  }
}

function wayTo({ town, dovecot: { host, port, tlsPort, ca, fingerprint } }: SourceServer): string[] {
  const trusted = ['--port', `${tlsPort}`, '--ca-file', ca]
  // Of a name's addresses Dovecot takes the first, where nobody may listen.
  if (town.isProxied) return ['--host', '127.0.0.1', ...trusted, '--cutover', 'proxied', '--flip', 'manual']
  if (town.provider === 'slash') return ['--host', host, ...trusted]
  return ['--host', host, '--port', `${port}`, '--tls', 'starttls', '--fingerprint', fingerprint]
}

/** As their mail clients do; one mistypes at first. */
async function signIn(now: Dovecot): Promise<void> {
  const rows = [await tryWrongPassword(now, TRAVELLERS[1] as Person)]
  for (const person of TRAVELLERS) {
    const { folders, messages } = await look(await accountAt(now, person.address, person))
    rows.push([person.address, person.password, green('OK'), `${folders} folder, ${messages} messages`])
  }
  table(['signs in as', 'demo password', 'the new server says', 'and shows'], rows)
}

async function tryWrongPassword(now: Dovecot, person: Person): Promise<string[]> {
  const password = `not ${person.password}`
  const answer = await look(await accountAt(now, person.address, { ...person, password })).then(
    () => 'OK',
    ({ message }: Error) => message,
  )
  if (!answer.startsWith('NO [AUTHENTICATIONFAILED]'))
    throw new Error(`the new server answers a wrong password with ${answer}`)
  return [person.address, password, red('NO [AUTHENTICATIONFAILED]'), '']
}

async function showCaptured(ferry: Postferry): Promise<void> {
  say('\nEach first sign-in made an account, sealed the credential and queued a migration, in one transaction:')
  await ferry.command('postferry', 'migration', 'list')
  const away = PEOPLE.filter(({ staysAway }) => staysAway).map(({ address }) => address)
  say(dim(`${away.join(' and ')} did not sign in: that mailbox stays as it is.`))
  const proxied = PROXIED.map(({ address }) => address).join(' and ')
  say(dim(`${proxied} works at the old server still, through the new one (--cutover proxied).`))
}

async function showArrived(now: Dovecot): Promise<void> {
  for (const person of TRAVELLERS.filter((one) => !PROXIED.includes(one))) {
    const { folders, messages } = await look(await accountOnNew(now, person))
    say(`${newAddressOf(person)} sees ${folders} folders, ${messages} messages on the new server.`)
  }
}

/** @throws when anything is not as it was */
async function prove(old: SourceServer[], now: Dovecot): Promise<string> {
  say(
    dim(
      'missing: not on the new server; altered: other bytes; dates, flags, keywords: others there; subscribed: on one server only; extra: on the new server only',
    ),
  )
  const comparisons = []
  for (const person of TRAVELLERS) {
    const accounts = [await accountAtSource(old, person), await accountOnNew(now, person)] as const
    comparisons.push(await compare(newAddressOf(person), ...accounts))
  }
  const text = result(comparisons)
  if (!comparisons.every(isExact)) throw new Error(text)
  return text
}

/** Until a signal ends it. */
async function stay({ folder }: Stage, now: Dovecot): Promise<never> {
  print(`\nNEW stays, for a mail client on this machine: IMAP, ${now.host}, port ${now.tlsPort} (TLS)`)
  print(`or ${now.port} (STARTTLS). Its certificate comes from the demo's own CA, ${now.ca}:\n`)
  table(
    ['user name', 'demo password'],
    TRAVELLERS.map((person) => [newAddressOf(person), person.password]),
  )
  print(`\nThe commands work on it, too: POSTFERRY_DATA_DIR=${folder}/data bin/postferry migration list`)
  print('Ctrl-C stops and removes everything.')
  return new Promise(() => setInterval(() => undefined, 60_000))
}
