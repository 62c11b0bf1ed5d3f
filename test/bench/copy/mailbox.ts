import { chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { mustRun } from '../../support/ferry.ts'
import { ImapWire } from '../../support/imap-wire.ts'
import { seed } from '../../support/seed.ts'
import { type Source, startSource } from '../../support/source-server.ts'
import { startWorld, type World } from '../crossing/world.ts'
import { QUIET } from '../ferry.ts'
import { openOld } from './sources.ts'

/** One person of a Dovecot, copied by doveadm. */
export async function startOne(folders: readonly string[], messages: number): Promise<World> {
  const world = await startWorld({
    ...{ people: 1, messages, mailboxes: folders },
    openOld: (people) => openOld('Dovecot', people),
    fill: (port, person) => seed(port, person, messages, folders),
  })
  await mustRun(world.service, 'provider', 'set', 'old', '--engine', 'doveadm')
  return world
}

/**
 * The same with so many messages that the old server would take long to be given them one by one.
 * @param folders among which they are shared out
 */
export async function startHuge(messages: number, folders: number): Promise<World> {
  let old: Source | undefined
  const world = await startWorld({
    ...{ people: 1, messages, mailboxes: ['INBOX'] },
    async openOld(people) {
      old = await startSource({ people, configuration: QUIET })
      return Object.assign(old, { options: ['--port', `${old.port}`, '--tls', 'none'] })
    },
    async fill(_port, [user]) {
      const mail = join(old?.home(user) ?? '', 'mail')
      for (let at = 0; at < folders; at++) {
        const each = messages / folders
        fillMaildir(at === 0 ? mail : join(mail, `.Folder ${at}`), at * each, each, old?.mailOwner)
      }
    },
  })
  await mustRun(world.service, 'provider', 'set', 'old', '--engine', 'doveadm')
  return world
}

function fillMaildir(folder: string, before: number, messages: number, { uid, gid } = { uid: 0, gid: 0 }): void {
  const own = (path: string) => chownSync(path, uid, gid)
  for (const part of ['.', '..', 'cur', 'new', 'tmp']) {
    mkdirSync(join(folder, part), { recursive: true })
    own(join(folder, part))
  }
  for (let number = before + 1; number <= before + messages; number++) {
    const path = join(folder, 'cur', `1700000000.M${number}P1.old:2,`)
    writeFileSync(path, `From: a@old.example\nMessage-ID: <${number}@old.example>\nSubject: ${number}\n\nHello\n`)
    own(path)
  }
}

const LINE = `${'x'.repeat(76)}\r\n`
/** One that is here already would be looked for in all of the mailbox. */
let added = 0

/** Puts a message into one of the person's mailboxes at the source. */
export async function addMessage({ port }: World, mailbox: string, bytes: number): Promise<void> {
  const body = `Subject: new ${++added}\r\n\r\n${LINE.repeat(Math.ceil(bytes / LINE.length))}`
  await using wire = await ImapWire.open({ host: 'localhost', port, user: 'p0@old.example', password: 'secret of 0' })
  await wire.command(`APPEND ${mailbox} `, Buffer.from(body))
}

/** How many messages the person has here by now, in all of the Maildir. */
export function allHere(world: World): number {
  const folders = readdirSync(maildirIn(world)).filter((name) => name.startsWith('.'))
  return ['', ...folders].reduce((sum, folder) => sum + here(world, folder), 0)
}

/** The same in one directory of it. */
export function here(world: World, directory: string): number {
  return ['cur', 'new'].reduce((sum, part) => {
    try {
      return sum + readdirSync(join(maildirIn(world), directory, part)).length
    } catch {
      return sum
    }
  }, 0)
}

function maildirIn({ homes }: World): string {
  return join(homes, 'old.example/p0/Maildir')
}

/** Copies what is due; resolves with the seconds after which so many messages are here, the worker's start included. */
export async function secondsUntil(world: World, directory: string, messages: number): Promise<number> {
  const startedAt = performance.now()
  const copying = world.run('postferry', ['sync', '--once'])
  let isOver = false
  copying
    .catch(() => undefined)
    .finally(() => {
      isOver = true
    })
  while (here(world, directory) < messages && !isOver) await wait(5)
  const seconds = (performance.now() - startedAt) / 1000
  await copying
  if (here(world, directory) < messages) throw new Error(`${here(world, directory)} of ${messages} are here`)
  return seconds
}
