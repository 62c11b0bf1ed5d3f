import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { adminApi } from '../support/admin.ts'
import { type Ferry, mustRun, rows, startFerry } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { type Interface, Interfaces, type Request } from '../support/interfaces.ts'
import { ordinary } from '../support/ledgers.ts'
import { query } from '../support/query.ts'
import { ask } from '../support/service.ts'
import { until } from '../support/until.ts'

// What is done before people come and once they are copied, through the interfaces that have it.

const NAMES: readonly Interface[] = ['cli', 'api', 'panel']
const ANNA = ['anna@renamed.example', 'pw of anna'] as const
const password = (name: string) => `old secret of ${name}`
const homes = mkdtempSync(join(tmpdir(), 'postferry-interfaces-'))
let ferry: Ferry
let interfaces: Interfaces
t.before(async () => {
  const people = Object.fromEntries(NAMES.map((name) => [`with-${name}@renamed.example`, password(name)]))
  ferry = await startFerry({ ...people, [ANNA[0]]: ANNA[1] }, { POSTFERRY_HOME: `${homes}/%u` })
  interfaces = await Interfaces.of(ferry.service)
})
t.after(async () => {
  await ferry[Symbol.asyncDispose]()
  rmSync(homes, { recursive: true, force: true })
})

/** Imports a file of lines, each of the interface's own people. */
function importing(lines: (name: Interface) => readonly string[], flags: readonly ('verify' | 'skip_bad')[] = []) {
  return (name: Interface): Request => {
    const file = `${lines(name).join('\n')}\n`
    const upload = new FormData()
    upload.append('file', new Blob([file]), 'people.csv')
    if (flags.includes('verify')) upload.append('verify', 'yes')
    const query = new URLSearchParams([...flags.map((flag) => [flag, 'true']), ['reason', 'the list']])
    return {
      cli: ['import', '-', ...flags.map((flag) => `--${flag.replace('_', '-')}`), '--reason', 'the list'],
      input: file,
      api: ['post', `/import?${query}`, file],
      panel: [upload, { reason: 'the list', ...(flags.includes('skip_bad') && { skip_bad: 'yes' }) }],
    }
  }
}

async function migrationsOf(name: Interface): Promise<unknown> {
  const found = await rows(ferry.service, 'migration', 'list', '--search', name)
  return found.map((row: { address: string; old_username: string; state: string; code: string | null }) => {
    return [row.address, row.old_username, row.state, row.code].map((text) => text?.replaceAll(name, '…'))
  })
}

t.test('people of a file are imported, with password, quota or neither', async (t) => {
  const people = (name: Interface) => [
    'address,old_username,old_password,quota',
    `awaited-${name}@renamed.example,u-${name},,2G`,
    `with-${name}@renamed.example,,${password(name)},`,
  ]
  const { cli, api } = await interfaces.same(t, 'import', importing(people, ['verify']))
  t.same(api, cli)
  t.same(cli, { bad_lines: [], lines: 2, bad: 0, awaited: 1, pending: 1, kept: 0, written: true })
  const made = [
    ['awaited-…@new.example', 'u-…', 'awaited', undefined],
    ['with-…@new.example', 'with-…@renamed.example', 'pending', undefined],
  ]
  for (const name of NAMES) t.same(await migrationsOf(name), made, name)
})

t.test('a bad line is told, and nobody is imported unless it is left out', async (t) => {
  const people = (name: Interface) => [`good-${name}@renamed.example`, `nobody-${name}@elsewhere.example`]
  const refused = /(1 of 2 lines cannot be imported|no provider serves its domain).*(nothing is|Nothing was) imported/
  await interfaces.same(t, 'a bad line', importing(people), refused)
  for (const name of NAMES) t.same(await rows(ferry.service, 'migration', 'list', '--search', `good-${name}`), [])
  const { cli, api } = await interfaces.same(t, 'without it', importing(people, ['skip_bad']))
  t.same(api, cli)
  const bad_lines = [{ number: 2, reason: 'no provider serves its domain' }]
  t.same(cli, { bad_lines, lines: 2, bad: 1, awaited: 1, pending: 0, kept: 0, written: true })
})

t.test('a password that the old server refuses is a bad line, and a header of nonsense no file', async (t) => {
  const wrong = (name: Interface) => [`wrong-${name}@renamed.example,,not the password`]
  await interfaces.same(t, 'wrong', importing(wrong, ['verify']), /1 of 1 lines|the old server refuses this password/)
  const nonsense = () => ['address,shoe_size', 'a@renamed.example,46']
  await interfaces.same(t, 'nonsense', importing(nonsense), /the header may name .*there is no shoe_size/)
})

t.test('each provider is well, or the step that fails is told', async (t) => {
  await mustRun(ferry.service, 'provider', 'add', 'gone', '--host', '127.0.0.1', '--port', '1')
  const health = () => ({ api: ['get', '/health'] }) as const
  const { api } = await interfaces.same(t, 'health', health)
  t.match(api, [
    { provider: 'gone', reachable: false, failed_step: 'connect', latency_ms: null },
    { provider: 'old', reachable: true, failed_step: null, latency_ms: Number, days_left: Number },
  ])
})

t.test('how the move goes is told alike by the command, the API and the panel', async (t) => {
  const proxied = async (route: string) => {
    const change = `update migration set state = 'synced', route = $1 where address = 'with-cli@new.example'`
    await query(ferry.service.dataDir, change, [route])
  }
  await proxied('source')
  const board = () => ({ cli: ['report', '--now'], api: ['get', '/board'], panel: ['/admin/board'] }) as const
  const { cli, api } = await interfaces.same(t, 'board', board)
  const { going, sentence, people, needs } = api as { [name: string]: unknown }
  t.match(cli, { going, sentence, people, needs })
  t.match(people, { states: { synced: 1, done: 0 }, across: 0, unflipped: 1 })
  // It may show the look before for some seconds.
  const isShown = async () => {
    const { words } = await interfaces.panel({ panel: board().panel })
    return [`${sentence}.`, ', 1 not flipped yet'].every((text) => words.includes(text.replaceAll('"', '&quot;')))
  }
  await until(isShown, 'the same sentence')
  await proxied('destination')
})

t.test('where kept passwords may be sent is approved on the copying host alone', async (t) => {
  const approve = (provider: string) => () => ({ cli: ['provider', 'approve', provider, '--reason', 'checked'] })
  const { cli } = await interfaces.same(t, 'approve', approve('gone'))
  t.same(cli, {
    provider: 'gone',
    host: '127.0.0.1',
    port: 1,
    tls: 'implicit',
    trusts: null,
    ...{ outdated: null, sieve: null },
    migrations: 0,
  })
  const [entry] = (await rows(ferry.service, 'audit', 'list', '--action', 'provider.approve', '--subject', 'gone')) as [
    object,
  ]
  t.match(entry, { reason: 'checked', detail: /^127\.0\.0\.1 port 1 with TLS, trusting the system's certificates$/ })
  await interfaces.same(t, 'nobody', approve('nowhere'), /there is no provider nowhere/)
  const authorization = `Bearer ${adminApi(ferry.service).token}`
  const path = '/v1/admin/providers/gone/approve'
  t.match(await ask(ferry.service.socket, path, 'POST', undefined, { authorization }), { status: 404 })
  t.match(await interfaces.panel({ panel: ['/admin/providers/gone/approve', {}] }), { done: false })
})

t.test('what a comparison has found is the same wherever it is shown', async (t) => {
  // Else the first comparison would approve it, in the name of this host.
  await mustRun(ferry.service, 'provider', 'approve', 'old')
  await ferry.service.passdb(...ANNA)
  await using wire = await ImapWire.open({ host: 'localhost', port: ferry.old.port, user: ANNA[0], password: ANNA[1] })
  await wire.command('APPEND INBOX ', ordinary('letter'))
  const verify =
    (...more: string[]) =>
    () => ({ cli: ['verify', ANNA[0], ...more] })
  await interfaces.same(t, 'verify', verify(), /differs: of 1 messages in 1 folders, 1 missing/)
  const nobody = () => ({ cli: ['verify', 'nobody@renamed.example'] })
  await interfaces.same(t, 'nobody', nobody, /there is no migration of nobody@renamed\.example/)
  const show = () => ({
    cli: ['migration', 'show', ANNA[0]],
    api: ['get', `/migrations/${ANNA[0]}`] as const,
    panel: [`/admin/migrations/${ANNA[0]}`] as const,
  })
  const differing = await interfaces.same(t, 'show', show)
  t.match(differing.cli, {
    ledger: { clean: false, code: 'differs', faults: 1 },
    differences: { rows: [{ kind: 'missing' }] },
  })
  t.same(differing.api, differing.cli)
  const { cli } = await interfaces.same(t, 'accept', verify('--accept', '--reason', 'spam'))
  t.match(cli, { clean: true, changes: 1 })
  const entries = await rows(ferry.service, 'audit', 'list', '--action', 'migration.accept')
  t.match(entries, [{ subject: 'anna@new.example', reason: 'spam' }])
  const accepted = await interfaces.same(t, 'show again', show)
  t.same(accepted.api, accepted.cli)
  const { sentence } = (accepted.cli as { ledger: { sentence: string } }).ledger
  t.match((await interfaces.panel(show())).words, sentence.replace('clean: ', ''))
})

t.end()
