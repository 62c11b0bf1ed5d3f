import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { SourceStatus } from '../../../src/copying/ports.ts'
import { statusCheck } from '../../../src/imap/read/status-check.ts'
import type { Provider } from '../../../src/model/provider.ts'
import { PROVIDER } from '../../support/provider.ts'
import { startRelay } from '../../support/relay.ts'
import { type Connection, type Script, scripted, startScriptedImap } from '../../support/scripted-imap.ts'
import { seed } from '../../support/seed.ts'
import { type Source, startSource } from '../../support/source-server.ts'

const ANNA = ['anna', 'Correct-Horse-9'] as const
const MAILBOXES = ['INBOX', 'Sent', 'M&APw-ll', 'Box "of" (mail)']
/** With a pattern each mailbox is asked about on its own, whichever it is. */
const ONE_BY_ONE: Partial<Provider> = { exclude: ['no such mailbox'] }

let old: Source
t.before(async () => {
  old = await startSource({ people: { [ANNA[0]]: ANNA[1] } })
  await seed(old.port, ANNA, 3, MAILBOXES)
})
t.after(() => old[Symbol.asyncDispose]())

async function look(port: number, changes: Partial<Provider> = {}, asksSizes = false): Promise<SourceStatus> {
  const credential = { address: 'anna@old.example', username: ANNA[0], password: ANNA[1] }
  return await statusCheck.check({ ...PROVIDER, ...changes, port }, credential, new AbortController().signal, asksSizes)
}

/** A look, and how often the source answered STATUS. */
async function listenedTo(changes: Partial<Provider> = {}): Promise<{ seen: SourceStatus; statusCommands: number }> {
  let said = ''
  await using relay = await startRelay(old.port, (data) => {
    said += data
    return data
  })
  const seen = await look(relay.port, changes)
  return { seen, statusCommands: said.split('OK Status completed').length - 1 }
}

t.test('a source that can is asked about all mailboxes at once, and says the same as one by one', async (t) => {
  const once = await listenedTo()
  const oneByOne = await listenedTo(ONE_BY_ONE)
  t.match([once.statusCommands, oneByOne.statusCommands], [0, MAILBOXES.length])
  t.same(once.seen, oneByOne.seen)
  t.match(once.seen, { kind: 'yes', mailboxes: { length: MAILBOXES.length } })
  const { mailboxes } = once.seen as Extract<SourceStatus, { kind: 'yes' }>
  t.same(mailboxes.map(({ name }) => name).sort(), [...MAILBOXES].sort())
  for (const mailbox of mailboxes) t.match(mailbox, { messages: 3, uidNext: 4, uidValidity: /^\d+$/ }, mailbox.name)
})

t.test('a mailbox that keeps no mod-sequences has none: its marks do not show', async (t) => {
  await using relay = await startRelay(old.port, (data) =>
    Buffer.from(data.toString('latin1').replace(/HIGHESTMODSEQ \d+/g, 'HIGHESTMODSEQ 0'), 'latin1'),
  )
  for (const changes of [{}, ONE_BY_ONE]) {
    const { mailboxes } = (await look(relay.port, changes)) as Extract<SourceStatus, { kind: 'yes' }>
    for (const { highestModseq } of mailboxes) t.equal(highestModseq, null)
  }
})

t.test('sizes are told on demand by a source that knows them', async (t) => {
  const sizes = async (asks: boolean) => {
    const { mailboxes } = (await look(old.port, {}, asks)) as Extract<SourceStatus, { kind: 'yes' }>
    return mailboxes.map(({ size }) => size)
  }
  t.same(await sizes(false), Array(4).fill(undefined))
  for (const size of await sizes(true))
    t.ok(Number(size) > 200 && Number(size) < 600, `${size} bytes in three messages`)
})

t.test('a mailbox that source cannot open is looked at by each attempt, whichever way it was asked', async (t) => {
  const sent = join(old.home(ANNA[0]), 'mail', '.Sent')
  chmodSync(sent, 0)
  for (const changes of [{}, ONE_BY_ONE]) {
    const { mailboxes } = (await look(old.port, changes)) as Extract<SourceStatus, { kind: 'yes' }>
    t.match(
      mailboxes.find(({ name }) => name === 'Sent'),
      { uidValidity: null, messages: 0 },
    )
  }
  chmodSync(sent, 0o700)
})

t.test('a source that announces the short way and refuses it is asked the long one', async (t) => {
  await using server = await startScriptedImap(
    scripted(
      signedIn((connection, tag, name, rest) => {
        if (name === 'LIST' && rest.includes('RETURN')) return connection.say(`${tag} BAD what\r\n`)
        if (name === 'LIST') return connection.say(`* LIST () "/" INBOX\r\n${tag} OK done\r\n`)
        if (name !== 'STATUS') return false
        return connection.say(`* STATUS INBOX (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 4)\r\n${tag} OK done\r\n`)
      }),
    ),
  )
  t.same(await look(server.port), {
    kind: 'yes',
    mailboxes: [{ name: 'INBOX', messages: 2, uidNext: 3, uidValidity: '4', highestModseq: null }],
  })
})

/** A source with two folders, which tells the size of INBOX, and answers otherwise when it is asked for that of the other. */
function sized(capability: string, sent: (connection: Connection, tag: string) => unknown) {
  const told = (name: string, isOfSize: boolean) =>
    isOfSize
      ? `* STATUS ${name} (SIZE ${name === 'INBOX' ? 5 : ''})\r\n`
      : `* STATUS ${name} (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 4)\r\n`
  return startScriptedImap(
    scripted({
      ...signedIn((connection, tag, name, rest) => {
        const isOfSize = /\bSIZE\b/.test(rest)
        const listed = (folder: string) => `* LIST () "/" ${folder}\r\n`
        if (name === 'LIST' && rest.includes('RETURN')) {
          const folders = isOfSize ? ['INBOX'] : ['INBOX', 'Sent']
          const all = [listed('INBOX'), listed('Sent'), ...folders.map((folder) => told(folder, isOfSize))]
          return connection.say(...all, `${tag} OK done\r\n`)
        }
        if (name === 'LIST') return connection.say(listed('INBOX'), listed('Sent'), `${tag} OK done\r\n`)
        if (name !== 'STATUS') return false
        const folder = /^"?(\w+)/.exec(rest)?.[1] ?? ''
        if (isOfSize && folder === 'Sent') return sent(connection, tag)
        return connection.say(told(folder, isOfSize), `${tag} OK done\r\n`)
      }),
      capability,
    }),
  )
}

const WAYS = ['IMAP4rev1 STATUS=SIZE', 'IMAP4rev1 LIST-STATUS STATUS=SIZE']
const HALF = {
  kind: 'yes',
  mailboxes: [
    { name: 'INBOX', messages: 2, size: 5 },
    { name: 'Sent', messages: 2, size: null },
  ],
}

t.test('a source that does not tell the size of one folder is looked at all the same', async (t) => {
  for (const capability of WAYS) {
    for (const status of ['NO', 'BAD']) {
      await using server = await sized(capability, (connection, tag) => connection.say(`${tag} ${status} not that\r\n`))
      t.match(await look(server.port, {}, true), HALF, `${capability}, ${status}`)
    }
  }
})

t.test('one that knows no sizes is not asked for them', async (t) => {
  await using server = await sized('IMAP4rev1 LIST-STATUS', () => t.fail('it is asked'))
  const { mailboxes } = (await look(server.port, {}, true)) as Extract<SourceStatus, { kind: 'yes' }>
  t.same(
    mailboxes.map(({ messages, size }) => ({ messages, size })),
    Array(2).fill({ messages: 2, size: undefined }),
  )
})

t.test('one that needs long for them is not waited for', async (t) => {
  const { setTimeout } = globalThis
  for (const capability of WAYS) {
    let isOver: (() => void) | undefined
    const impatient = (work: () => void, ms: number, ...rest: unknown[]) => {
      if (ms === 60_000) isOver = work
      return setTimeout(work, ms, ...rest)
    }
    t.intercept(globalThis, 'setTimeout', { value: impatient as unknown as typeof setTimeout })
    await using server = await sized(capability, () => isOver?.())
    const { kind, mailboxes } = (await look(server.port, {}, true)) as Extract<SourceStatus, { kind: 'yes' }>
    t.same([kind, mailboxes.map(({ messages }) => messages)], ['yes', [2, 2]])
    t.ok(mailboxes.every(({ size }) => size === undefined))
  }
})

t.test('what is refused after the sign-in is no refused password', async (t) => {
  await using server = await startScriptedImap(
    scripted(
      signedIn((connection, tag, name) => {
        return name === 'LIST' && connection.say(`${tag} NO [AUTHENTICATIONFAILED] Login failed.\r\n`)
      }),
    ),
  )
  t.match(await look(server.port), { kind: 'trouble' })
})

t.test(
  'a status check signs in as a login does: any password arrives whole, and a NO is a no whatever it says',
  async (t) => {
    const password = 'Fähre "\\{5}'
    const credential = { address: 'anna@old.example', username: ANNA[0], password }
    const lookAs = async (script: Script) => {
      await using server = await startScriptedImap(scripted(script))
      return await statusCheck.check(
        { ...PROVIDER, port: server.port },
        credential,
        new AbortController().signal,
        false,
      )
    }
    const right: Script['signIn'] = ({ connection, tag, ...tried }) =>
      connection.say(tried.password === password ? `${tag} OK in\r\n` : `${tag} NO Login failed.\r\n`)
    for (const capability of ['IMAP4rev1', 'IMAP4rev1 AUTH=PLAIN', 'IMAP4rev1 AUTH=LOGIN LOGINDISABLED']) {
      t.match(await lookAs({ capability, signIn: right }), { kind: 'yes' }, capability)
    }
    const partial: Script['signIn'] = ({ connection, tag }) =>
      connection.say(`${tag} NO Some of the requested messages no longer exist\r\n`)
    t.match(await lookAs({ signIn: partial }), { kind: 'trouble' })
    t.match(await lookAs({ greeting: '* PREAUTH welcome\r\n' }), { kind: 'trouble' })
  },
)

/** Lets everybody in. */
function signedIn(command: NonNullable<Script['command']>): Script {
  return {
    capability: 'IMAP4rev1 LIST-STATUS',
    command,
    signIn: ({ connection, tag }: { connection: Connection; tag: string }) => connection.say(`${tag} OK in\r\n`),
  }
}

t.end()
