import { readFile } from 'node:fs/promises'
import { certificates } from '../support/certificates.ts'
import { listMailboxes } from '../support/compare.ts'
import { OWN } from '../support/debian.ts'
import { startNew } from '../support/destination.ts'
import type { Dovecot } from '../support/dovecot.ts'
import { type ImapAccount, ImapWire } from '../support/imap-wire.ts'
import { startSource } from '../support/source-server.ts'
import { newAddressOf, PEOPLE, type Person, TOWNS, type Town, townOf } from './people.ts'
import type { Postferry } from './postferry.ts'
import type { Stage } from './stage.ts'

export interface SourceServer {
  town: Town
  dovecot: Dovecot
}

/** Starts a real Dovecot for each provider and fills it. */
export function startSourceServers(stage: Stage): Promise<SourceServer[]> {
  return Promise.all(
    TOWNS.map(async (town) => {
      const inhabitants = PEOPLE.filter((person) => townOf(person) === town)
      const people = Object.fromEntries(inhabitants.map(({ address, password }) => [address, password]))
      const dovecot = await stage.start(() => startSource({ people, debian: OWN, ...town.naming }))
      for (const person of inhabitants) await person.seed(await accountAt(dovecot, person.address, person), town.naming)
      return { town, dovecot }
    }),
  )
}

/** Starts the destination: a real Dovecot with the files of deploy/dovecot. */
export function startNewServer(stage: Stage, ferry: Postferry): Promise<Dovecot> {
  return stage.start(async () => {
    const passdb = { passdb: 'lua', url: ferry.url, token: await ferry.authToken() } as const
    return startNew({ ...passdb, homeRoot: ferry.homes, proxy: ferry.doveadm })
  })
}

export function accountAtSource(servers: SourceServer[], person: Person): Promise<ImapAccount> {
  const server = servers.find(({ town }) => town === townOf(person)) as SourceServer
  return accountAt(server.dovecot, person.address, person)
}

export function accountOnNew(dovecot: Dovecot, person: Person): Promise<ImapAccount> {
  return accountAt(dovecot, newAddressOf(person), person)
}

/** Over implicit TLS, verified. */
export async function accountAt(dovecot: Dovecot, user: string, { password }: Person): Promise<ImapAccount> {
  const { server } = await certificates()
  return { host: dovecot.host, port: dovecot.tlsPort, ca: await readFile(server.ca), user, password }
}

/** What a mail client sees at a glance. */
export interface Sight {
  folders: number
  messages: number
}

/** Signs in and looks around. @throws what the server says to a refused sign-in, as `NO [CODE] words` */
export async function look(account: ImapAccount): Promise<Sight> {
  await using wire = await ImapWire.open(account).catch((error: Error) => {
    throw new Error(error.message.replace(/^t\d+ /, ''))
  })
  const names = await listMailboxes(wire)
  let messages = 0
  for (const { name } of names) {
    const [status] = await wire.command('STATUS ', Buffer.from(name), ' (MESSAGES)')
    messages += Number(/\(MESSAGES (\d+)\)/.exec(status?.line ?? '')?.[1])
  }
  return { folders: names.length, messages }
}
