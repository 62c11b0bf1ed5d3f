import t from 'tap'
import { keepConnection, letGo } from '../../../src/imap/read/kept.ts'
import { sourceFolders, sourceMail } from '../../../src/imap/read/listing.ts'
import { statusCheck } from '../../../src/imap/read/status-check.ts'
import { PROVIDER } from '../../support/provider.ts'
import { startRelay } from '../../support/relay.ts'
import { seed } from '../../support/seed.ts'
import { startSource } from '../../support/source-server.ts'

const ANNA = ['anna@old.example', 'secret'] as const
const [username, password] = ANNA
const CREDENTIAL = { username, password }
const signal = new AbortController().signal

const old = await startSource({ people: Object.fromEntries([ANNA]), userIpConnections: 1 })
t.teardown(() => old[Symbol.asyncDispose]())
await seed(old.port, ANNA, 2)
const relay = await startRelay(old.port)
t.teardown(() => relay[Symbol.asyncDispose]())
const provider = { ...PROVIDER, host: 'localhost', port: relay.port }

/** All that an attempt asks; each of it needs the one connection that the person may have. */
async function attempt(): Promise<void> {
  t.match(await statusCheck.check(provider, CREDENTIAL, signal, true), { kind: 'yes', mailboxes: { length: 2 } })
  t.equal((await sourceFolders(provider, CREDENTIAL, signal)).mailboxes.length, 2)
  await using source = await sourceMail.open(provider, username, password, signal)
  for (const { mailbox } of await source.mailboxes())
    t.match(await source.examine(mailbox), { messages: { length: 2 } })
}

t.test('an attempt asks all over one connection, and closes it', async (t) => {
  {
    await using _ = keepConnection(provider, CREDENTIAL)
    await attempt()
    await attempt()
    t.equal(relay.connections(), 1)
  }
  await attempt()
  t.equal(relay.connections(), 4, 'nobody keeps one any more')
})

t.test('who signs in without us finds none open', async (t) => {
  await using _ = keepConnection(provider, CREDENTIAL)
  t.match(await statusCheck.check(provider, CREDENTIAL, signal, true), { kind: 'yes' })
  await letGo(provider, CREDENTIAL)
  await seed(old.port, ANNA, 1)
  await using source = await sourceMail.open(provider, username, password, signal)
  const [first] = await source.mailboxes()
  if (first !== undefined) t.match(await source.examine(first.mailbox), { messages: { length: 3 } })
})

t.end()
