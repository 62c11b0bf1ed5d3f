import { hostname, userInfo } from 'node:os'
import pg from 'pg'
import t from 'tap'
import { openEmbedded } from '../../../src/db/embedded/postgres.ts'
import { COMPILED } from '../../support/compiled.ts'
import { type Ferry, mustRun, rows, startFerry } from '../../support/ferry.ts'
import { formsFound } from '../../support/secrets.ts'
import { runPostferry } from '../../support/service.ts'
import { mistakeIn } from '../mistake.ts'

const PEOPLE = {
  'anna@old.example': 'pw of anna',
  'bert@renamed.example': 'pw of bert',
  'carl@old.example': 'pw of carl',
  'Dora_100%@old.example': 'pw of dora',
}
const ME = `cli:${userInfo().username}`
let ferry: Ferry
t.before(async () => {
  ferry = await startFerry(PEOPLE, COMPILED)
})
t.after(() => ferry[Symbol.asyncDispose]())

// biome-ignore lint/suspicious/noExplicitAny: tests look into rows of any shape
const audit = (...filter: string[]): Promise<any[]> => rows(ferry.service, 'audit', 'list', ...filter)
const signIn = async (user: string, password: string) => (await ferry.service.passdb(user, password)).body.verdict
const actionsOf = async (...filter: string[]) => (await audit(...filter)).map(({ action }) => action)

t.test('what made the ferry ready is written down, the newest first', async (t) => {
  const entries = await audit()
  t.match(entries, [
    { action: 'domain.add', subject: 'renamed.example', detail: 'provider old, new domain new.example' },
    { action: 'domain.add', subject: 'old.example', actor: ME, reason: null },
    { action: 'provider.add', subject: 'old', actor: ME },
  ])
  t.equal(entries.length, 3)
})

t.test('sign-ins are written down as the person’s, where they change something', async (t) => {
  const person = ['--address', 'bert@renamed.example']
  t.equal(await signIn('bert@renamed.example', 'pw of bert'), 'ok')
  t.equal(await signIn('bert@renamed.example', 'pw of bert'), 'ok')
  t.equal(await signIn('bert@renamed.example', 'wrong'), 'mismatch')
  t.match(await audit(...person), [{ actor: 'person', action: 'migration.provision', subject: 'bert@new.example' }])
  t.equal((await audit(...person)).length, 1)
  await query(`update migration set state = 'failed', code = 'credential-refused' where address = 'bert@new.example'`)
  await ferry.old.setPassword('bert@renamed.example', 'another of bert')
  t.equal(await signIn('bert@renamed.example', 'another of bert'), 'ok')
  t.match(await audit(...person), [{ actor: 'person', action: 'migration.renew', detail: 'failed → pending' }, {}])
})

t.test('every change by a command has its actor, action, subject and reason', async (t) => {
  await signIn('anna@old.example', 'pw of anna')
  const run = async (args: string[], input = '', env: NodeJS.ProcessEnv = {}) => {
    const all = [...args, '--reason', 'as agreed']
    const { exitCode, stderr } = await runPostferry(all, { ...ferry.service.environment, ...env }, input)
    t.equal(exitCode, 0, `${args.join(' ')} ${stderr}`)
  }
  const anna = 'anna@old.example'
  await run(['migration', 'pause', anna])
  await run(['migration', 'resume', anna], '', { SUDO_USER: 'erika' })
  await run(['migration', 'set-password', anna], 'pw of anna\n', { SUDO_USER: 'x\ny' })
  await run(['account', 'disable', anna])
  await run(['account', 'enable', anna])
  await run(['account', 'passwd', anna], 'pw of the destination\n')
  await run(['migration', 'finish', anna, '--force'])
  await run(['provider', 'set', 'old', '--mx', 'mx.old.example', '--max-connections', '7'])
  await run(['provider', 'add', 'other', '--host', 'localhost'])
  await run(['domain', 'add', 'other.example', '--provider', 'other'])
  await run(['domain', 'remove', 'other.example'])
  await run(['provider', 'remove', 'other'])
  const entries = (await audit()).slice(0, 12).reverse()
  const change = (action: string, subject: string, detail: string | null = null, actor = ME) => {
    return { actor, action, subject, reason: 'as agreed', detail }
  }
  t.match(entries, [
    change('migration.pause', anna, 'pending → paused'),
    change('migration.resume', anna, 'paused → pending', `${ME} (erika)`),
    change('migration.set-password', anna),
    change('account.disable', anna),
    change('account.enable', anna),
    change('account.passwd', anna),
    change('migration.finish', anna, 'pending → done, the copy was never compared with the old server'),
    change('provider.set', 'old', 'max_connections 20 → 7, mx - → mx.old.example'),
    change('provider.add', 'other', "localhost port 993 with TLS, trusting the system's certificates"),
    change('domain.add', 'other.example', 'provider other, new domain other.example'),
    change('domain.remove', 'other.example'),
    change('provider.remove', 'other'),
  ])
})

t.test('what is refused or fails is not written down, for it changed nothing', async (t) => {
  const before = await audit()
  const fails = [
    ['migration', 'resume', 'bert@new.example'],
    ['migration', 'pause', 'nobody@old.example'],
    ['provider', 'add', 'old', '--host', 'h'],
    ['provider', 'remove', 'old'],
    ['domain', 'remove', 'old.example2'],
    ['account', 'disable', 'nobody@old.example'],
  ]
  for (const args of fails) t.match(await mistakeIn(args, ferry.service.environment), { exitCode: 65 }, args.join(' '))
  t.same(await audit(), before)
})

t.test('the audit is filtered by person and time', async (t) => {
  await query(`update audit set at = '2026-01-01T10:00Z' where action = 'migration.pause'`)
  t.notOk((await actionsOf('--since', '2026-01-01T10:00:01Z')).includes('migration.pause'))
  t.ok((await actionsOf('--since', '2026-01-01T10:00Z')).includes('migration.pause'))
  t.same(await actionsOf('--since', '2999-01-01'), [])
  t.same(
    new Set((await audit('--address', 'anna@old.example')).map(({ subject }) => subject)),
    new Set(['anna@old.example']),
  )
  t.match(await mustRun(ferry.service, 'audit', 'list'), /^AT +ACTOR +ACTION +SUBJECT +DETAIL +REASON\n/)
})

t.test('migrations are found by code and by a part of a name, taken literally', async (t) => {
  await signIn('carl@old.example', 'pw of carl')
  await signIn('Dora_100%@old.example', 'pw of dora')
  await query(`update migration set state = 'failed', code = 'ledger-differs' where address = 'carl@old.example'`)
  const found = async (...filter: string[]) => {
    const list = await rows(ferry.service, 'migration', 'list', ...filter)
    return list.map(({ address }: { address: string }) => address)
  }
  t.same(await found('--code', 'ledger-differs'), ['carl@old.example'])
  t.same(await found('--code', 'old-busy'), [])
  t.same(await found('--search', 'RENAMED'), ['bert@new.example'], 'the old user name')
  t.same(await found('--search', 'a_'), [])
  t.same(await found('--search', '%'), [])
  t.same(await found('--search', 'carl', '--state', 'failed', '--provider', 'old'), ['carl@old.example'])
})

t.test('a migration shows when its credential was sealed, and last opened by whom', async (t) => {
  const show = () => rows(ferry.service, 'migration', 'show', 'bert@renamed.example')
  const before = await show()
  t.match(before, {
    route: 'destination',
    credential_opened_at: null,
    credential_opened_by: null,
    credential_sealed_to: [/^age1/],
  })
  t.ok(Math.abs(Date.parse(before.credential_sealed_at) - Date.now()) < 60 * 60 * 1000)
  await ferry.service.run(['credential', 'open'], `${before.id}\n999999\n`)
  const after = await show()
  t.match(after, { credential_opened_by: `${ME} on ${hostname()}`, credential_sealed_at: before.credential_sealed_at })
  t.ok(Date.parse(after.credential_opened_at) >= Date.parse(before.credential_sealed_at))
  const opened = (await audit()).filter(({ action }: { action: string }) => action === 'credential.open')
  t.match(opened, [{ action: 'credential.open', actor: ME, subject: hostname(), detail: '2 asked for' }])
  t.match(after.audit, [{ action: 'migration.renew' }, { action: 'migration.provision' }])
  const spoken = await mustRun(ferry.service, 'migration', 'show', 'bert@new.example')
  t.match(spoken, /^credential opened by +cli:.* on .*$/m)
  t.match(spoken, /^AT +ACTOR +ACTION[^\n]*\n\S+ \(\d+ \w+ ago\) +person +migration\.renew/m)
  t.match(await rows(ferry.service, 'migration', 'show', 'anna@old.example'), {
    state: 'done',
    credential_sealed_at: null,
  })
})

t.test(
  'a finished migration stays finished, unless the provider lets the next right sign-in open it again',
  async (t) => {
    const carl = ['carl@old.example', 'pw of carl'] as const
    const state = async () => (await rows(ferry.service, 'migration', 'show', carl[0])).state
    await mustRun(ferry.service, 'migration', 'finish', carl[0], '--force')
    const asked = await ferry.old.loginCount()
    t.equal(await signIn(...carl), 'ok')
    t.equal(await ferry.old.loginCount(), asked, 'the source is not asked')
    t.equal(await state(), 'done')
    await mustRun(ferry.service, 'provider', 'set', 'old', '--reopens')
    t.equal(await signIn(carl[0], 'wrong'), 'mismatch')
    t.equal(await ferry.old.loginCount(), asked, 'nor for a wrong password')
    await ferry.old.stop()
    t.equal(await signIn(...carl), 'ok', 'with the source away the person is in all the same')
    t.equal(await state(), 'done')
    await ferry.old.start()
    t.equal(await signIn(...carl), 'ok')
    t.match(await rows(ferry.service, 'migration', 'show', carl[0]), {
      state: 'pending',
      credential_sealed_to: [/^age1/],
      audit: [{ action: 'migration.renew', actor: 'person', detail: 'done → pending' }],
    })
    t.equal(await signIn('anna@old.example', 'pw of the destination'), 'ok')
    t.equal(
      (await rows(ferry.service, 'migration', 'show', 'anna@old.example')).state,
      'done',
      'a password of the destination stays on the destination',
    )
  },
)

t.test('no secret is in the audit', async (t) => {
  const secrets = ['pw of anna', 'pw of bert', 'another of bert', 'pw of carl', 'pw of the destination']
  const { rows: entries } = await query('select * from audit')
  t.ok(entries.length > 20)
  t.same(formsFound(Buffer.from(JSON.stringify(entries)), secrets), [])
})

async function query(text: string): Promise<pg.QueryResult> {
  await using embedded = await openEmbedded(ferry.service.dataDir)
  const client = new pg.Client(embedded.connection)
  await client.connect()
  return await client.query(text).finally(() => client.end())
}

t.end()
