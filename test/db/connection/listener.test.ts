import { join } from 'node:path'
import t from 'tap'
import { accounts } from '../../../src/db/accounts.ts'
import { type Database, openDatabase } from '../../../src/db/connection/database.ts'
import { type Listener, listen } from '../../../src/db/connection/listener.ts'
import { domains } from '../../../src/db/domains.ts'
import { imports } from '../../../src/db/imports.ts'
import { migrations } from '../../../src/db/migrations.ts'
import { providers } from '../../../src/db/providers.ts'
import { provisioner } from '../../../src/db/provisioning.ts'
import { parseAddress } from '../../../src/model/address.ts'
import { finish, pause } from '../../../src/model/migration.ts'
import { BY } from '../../support/by.ts'
import { type DebianPostgres, startDebianPostgres } from '../../support/debian-postgres.ts'
import { PROVIDER } from '../../support/provider.ts'
import { type Relay, startRelay } from '../../support/relay.ts'
import { runProgram } from '../../support/service.ts'
import { until } from '../../support/until.ts'

const DOMAIN = { name: 'old.example', newDomain: 'old.example', sharesNames: false }
let postgres: DebianPostgres
let database: Database
t.before(async () => {
  postgres = await startDebianPostgres()
  database = await openDatabase({ databaseUrl: postgres.url, dataDir: '/nowhere' })
  await database.ready()
  await providers(database.kysely).add(PROVIDER, BY)
  await domains(database.kysely, '/home/%u').add({ ...DOMAIN, provider: PROVIDER.name }, BY)
})
t.after(async () => {
  await database[Symbol.asyncDispose]()
  await postgres[Symbol.asyncDispose]()
})

/** What is heard, from when it is listened. */
async function listening(): Promise<Listener & { readonly heard: (string | null)[] }> {
  const heard: (string | null)[] = []
  const changes = database.listen('postferry_forget', (address) => heard.push(address))
  await until(changes.isListening, 'it listens')
  heard.length = 0
  return { ...changes, heard }
}

async function provisioned(person: string): Promise<string> {
  const address = parseAddress(`${person}@old.example`)
  if (address === null) throw new Error(person)
  await provisioner(database.kysely).provision({
    ...{
      address,
      home: `/home/${person}`,
      passwordHash: 'hash',
      seenHash: null,
      sealed: { bytes: new Uint8Array([1]), to: [] },
      provider: PROVIDER,
    },
    ...{ oldDomain: 'old.example', oldUsername: address.text },
  })
  return address.text
}

t.test('whatever decides a person’s sign-in is heard when it changes, by whomever', async (t) => {
  const { kysely } = database
  const anna = await provisioned('anna')
  const changes: Record<string, () => Promise<unknown>> = {
    'a password': () => accounts(kysely).setPassword(anna, 'another hash', BY),
    disabling: () => accounts(kysely).setEnabled(anna, false, BY),
    enabling: () => accounts(kysely).setEnabled(anna, true, BY),
    'a refused credential': () => postgres.query(`update migration set state = 'failed', code = 'credential-refused'`),
    'one that heals': () => postgres.query(`update migration set state = 'pending', code = null`),
    finishing: () => migrations(kysely).take(anna, finish, { ...BY, action: 'finish' }),
    'a route, in plain SQL': () => postgres.query(`update migration set route = 'source'`),
    'a home, in plain SQL': () => postgres.query(`update account set home = '/home/elsewhere'`),
    'another address, in plain SQL': () => postgres.query(`update account set address = 'x' || address`),
    'the end of an account': () => postgres.query(`delete from account`),
  }
  using listener = await listening()
  for (const [what, change] of Object.entries(changes)) {
    listener.heard.length = 0
    await change()
    await until(() => listener.heard.length > 0, what)
    t.match(listener.heard, what === 'the end of an account' ? [`x${anna}`] : [anna], what)
  }
})

t.test('a renewed password is heard, a first sign-in or a pause need not be', async (t) => {
  using listener = await listening()
  const bert = await provisioned('bert')
  await migrations(database.kysely).take(bert, pause, { ...BY, action: 'pause' })
  t.same(listener.heard, [])
  await provisioner(database.kysely).provision({
    ...{
      address: parseAddress(bert) as never,
      home: '/',
      passwordHash: 'hash two',
      seenHash: 'hash',
      sealed: { bytes: new Uint8Array([2]), to: [] },
    },
    ...{ provider: PROVIDER, oldDomain: 'old.example', oldUsername: bert },
  })
  await until(() => listener.heard.length > 0, 'the renewal')
  t.same(listener.heard, [bert])
})

t.test('a change of domains or of a provider is heard as one of everybody', async (t) => {
  const { kysely } = database
  const domain = { ...DOMAIN, name: 'more.example', newDomain: 'new.example', provider: PROVIDER.name }
  const changes: Record<string, () => Promise<unknown>> = {
    'a domain that is added': () => domains(kysely, '/home/%u').add(domain, BY),
    'a domain that is removed': () => domains(kysely, '/home/%u').remove(domain.name, BY),
    'a provider that is set': () => providers(kysely).set({ ...PROVIDER, port: 1993 }, BY),
  }
  using listener = await listening()
  for (const [what, change] of Object.entries(changes)) {
    listener.heard.length = 0
    await change()
    await until(() => listener.heard.length > 0, what)
    t.same(listener.heard, [null], what)
  }
})

t.test(
  'who becomes awaited, or awaited as somebody else, is heard as everybody, once for a whole import',
  async (t) => {
    const person = (number: number, oldUsername: string) => ({
      ...{ number, address: `awaited${number}@old.example`, provider: PROVIDER.name, oldDomain: 'old.example' },
      ...{ oldUsername, home: `/home/awaited${number}`, sealed: null, quotaBytes: null, taken: true },
    })
    const write = (names: readonly string[]) =>
      imports(database.kysely).gather(async (gathering) => {
        await gathering.add(names.map((name, number) => person(number, name)))
        return await gathering.write(BY)
      })
    using listener = await listening()
    for (const names of [
      ['one', 'two', 'three'],
      ['one', 'two', 'drei'],
    ]) {
      listener.heard.length = 0
      await write(names)
      await until(() => listener.heard.length > 0, names.join())
      t.same(listener.heard, [null])
    }
  },
)

t.test('what is rolled back is not heard', async (t) => {
  const carl = await provisioned('carl')
  using listener = await listening()
  await postgres.query(`begin; update account set enabled = false; rollback`)
  await accounts(database.kysely).setEnabled(carl, false, BY)
  await until(() => listener.heard.length > 0, 'the change')
  t.same(listener.heard, [carl])
})

t.test('while the server is away nothing is listened to; before and after that everything is forgotten', async (t) => {
  using listener = await listening()
  await postgres.stop()
  await until(() => !listener.isListening(), 'the loss')
  t.same(listener.heard, [null])
  await postgres.start()
  await until(listener.isListening, 'it listens again')
  t.same(listener.heard, [null, null])
  const dora = await provisioned('dora')
  await accounts(database.kysely).setEnabled(dora, false, BY)
  await until(() => listener.heard.includes(dora), 'a change after that')
})

t.test('a server that accepts connections and says nothing is as good as away', async (t) => {
  using listener = await listening()
  postgres.freeze()
  await until(() => !listener.isListening(), 'the loss').finally(postgres.thaw)
  t.same(listener.heard, [null])
  await until(listener.isListening, 'it listens again')
  t.same(listener.heard, [null, null])
})

t.test('a connection that is cut is replaced', async (t) => {
  using listener = await listening()
  await postgres.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'postferry listener'`,
  )
  await until(() => listener.heard.length === 2, 'it listens again')
  t.ok(listener.isListening())
})

t.test('whoever stops listening hears nothing more, and leaves no connection behind', async (t) => {
  const listener = await listening()
  listener[Symbol.dispose]()
  t.equal(listener.isListening(), false)
  const left = `select from pg_stat_activity where application_name = 'postferry listener'`
  let rows = 1
  const counting = (async () => {
    while (rows > 0) rows = (await postgres.query(left)).rowCount ?? 0
  })()
  await until(() => rows === 0, 'the connection ends')
  await counting
  t.same(listener.heard, [])
})

t.test('behind a pooler, which would swallow what is notified, it does not claim to listen', async (t) => {
  // Only the one thing that tells a pooler: it names another process than the one that answers.
  await using pooler = await startRelay(Number(new URL(postgres.url).port), withOtherProcess)
  const connectionString = throughRelay(pooler)
  using changes = listen({ connectionString }, 'postferry_forget', () => t.fail('something was heard'))
  await until(() => pooler.connections() === 3, 'it tries again')
  t.equal(changes.isListening(), false)
})

t.test('a host that is lost without a word is as good as away', async (t) => {
  await using relay = await startRelay(Number(new URL(postgres.url).port))
  const heard: (string | null)[] = []
  using changes = listen({ connectionString: throughRelay(relay) }, 'postferry_forget', (address) =>
    heard.push(address),
  )
  await until(changes.isListening, 'it listens')
  relay.lose()
  await until(() => heard.length === 3, 'it listens again')
  t.same(heard, [null, null, null])
})

function throughRelay({ port }: Relay): string {
  const url = new URL(postgres.url)
  url.port = String(port)
  return url.href
}

function withOtherProcess(data: Buffer): Buffer {
  const at = data.indexOf(Buffer.from([0x4b, 0, 0, 0, 12])) // BackendKeyData
  if (at >= 0) data.writeInt32BE(data.readInt32BE(at + 5) + 1, at + 5)
  return data
}

t.test('a process that does nothing but listen ends, whether the server is there or not', async (t) => {
  const module = join(import.meta.dirname, '../../../src/db/connection/listener.ts')
  for (const connectionString of [postgres.url, 'postgresql://nobody@127.0.0.1:1/nowhere']) {
    const script = `
      import { listen } from ${JSON.stringify(module)}
      listen({ connectionString: process.env.DATABASE_URL }, 'postferry_forget', () => console.log('forget'))`
    const { exitCode, stdout } = await runProgram(process.execPath, ['--input-type=module', '-e', script], {
      DATABASE_URL: connectionString,
    })
    t.equal(exitCode, 0)
    t.equal(stdout, connectionString === postgres.url ? 'forget\n' : '')
  }
})

t.end()
