import t from 'tap'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { type Interface, Interfaces, type Request } from '../support/interfaces.ts'

// Each operation on people, through each interface; each has a person of its own, named by the old address.

const NAMES: readonly Interface[] = ['cli', 'api', 'panel']
const password = (name: string) => `old secret of ${name}`
const old = (name: string) => `${name}@renamed.example`
const people = Object.fromEntries(NAMES.map((name) => [old(name), password(name)]))
const ferry = await startFerry(people)
t.teardown(() => ferry[Symbol.asyncDispose]())
const { service } = ferry
const interfaces = await Interfaces.of(service)
for (const [user, secret] of Object.entries(people)) await service.passdb(user, secret)

type Answers = Partial<Record<Interface, unknown>>

/** What each interface tells of its own person, without what is that person's own. */
function alike(t: { same(one: unknown, other: unknown, what: string): unknown }, what: string, { cli, api }: Answers) {
  const common = (answer: unknown) => {
    const text = JSON.stringify(answer).replaceAll(/"(\w+_at|at|id)":"[^"]*"/g, '"$1":"…"')
    return JSON.parse(text.replaceAll(/\b(cli|api)\b/g, '…'))
  }
  t.same(common(api), common(cli), what)
}

/** A change of one migration or account, by its path in the API. */
function change(
  noun: 'migration' | 'account',
  word: string,
  said: Readonly<Record<string, string>> = {},
  form = said,
): (name: Interface) => Request {
  return (name) => ({
    cli: [noun, word, old(name), ...Object.entries(said).map(([field, text]) => `--${field}=${text}`)],
    api: ['post', `/${noun}s/${old(name)}/${word}`, said],
    panel: [`/admin/migrations/${old(name)}/${word}`, form],
  })
}

const nobody = (request: (name: Interface) => Request) => (name: Interface) => {
  const { cli, api, panel } = request(name)
  const gone = (text: string) => text.replace(old(name), 'nobody@renamed.example')
  return {
    cli: cli.map(gone),
    api: [api[0], gone(api[1]), ...api.slice(2)] as never,
    panel: [gone(String(panel[0])), ...panel.slice(1)] as never,
  }
}

t.test('accounts and migrations are listed and shown, whole or as they match', async (t) => {
  const accounts = await interfaces.same(t, 'accounts', (name) => ({
    cli: ['account', 'show', old(name)],
    api: ['get', `/accounts/${old(name)}`],
    // There is no page about an account alone.
    panel: [`/admin/migrations/${old(name)}`],
  }))
  alike(t, 'an account', accounts)
  for (const [filter, count] of [
    ['', 3],
    ['state=pending', 3],
    ['provider=old', 3],
    ['domain=renamed.example', 3],
    ['search=cli@', 1],
    ['state=done', 0],
    ['finish_requested=true', 0],
    ['never_came=true', 0],
    ['sort=created_at&descending=true', 3],
  ] as const) {
    const options =
      filter === ''
        ? []
        : filter.split('&').map((part) => `--${part.replace(/^.*=/, (name) => name.replaceAll('_', '-'))}`)
    const listed = await interfaces.same(t, filter, () => ({
      cli: ['migration', 'list', ...options.map((option) => option.replace(/=true$/, ''))],
      api: ['get', `/migrations?${filter}`],
      panel: [`/admin/migrations?${filter.replaceAll('=true', '=yes')}`],
    }))
    t.same((listed.api as { rows: unknown }).rows, listed.cli, filter)
    t.equal((listed.cli as unknown[]).length, count, filter)
  }
  const shown = await interfaces.same(t, 'show', (name) => ({
    cli: ['migration', 'show', old(name)],
    api: ['get', `/migrations/${old(name)}`],
    panel: [`/admin/migrations/${old(name)}`],
  }))
  alike(t, 'a migration', shown)
})

t.test('a filter that means nothing is refused in the same words', async (t) => {
  for (const [field, text, refused] of [
    ['state', 'nonsense', /awaited, pending|Allowed choices/],
    ['provider', 'nowhere', /There is no provider nowhere/],
    ['domain', 'two words', /must be a mail domain/],
    ['code', 'No code', /lower-case words with hyphens/],
  ] as const) {
    await interfaces.same(
      t,
      field,
      () => ({
        cli: ['migration', 'list', `--${field}=${text}`],
        api: ['get', `/migrations?${new URLSearchParams({ [field]: text })}`],
        panel: [`/admin/migrations?${new URLSearchParams({ [field]: text })}`],
      }),
      refused,
    )
  }
})

t.test('a migration is paused, resumed, retried and asked to be finished, which is taken back', async (t) => {
  const reason = { reason: 'as agreed' }
  const finish = (name: Interface) => {
    const request = change('migration', 'finish', reason)(name)
    return { ...request, cli: [...request.cli, '--queue'] }
  }
  for (const [what, request, refused] of [
    ['pause', change('migration', 'pause', reason), undefined],
    ['pause again', change('migration', 'pause', reason), /is paused already/],
    ['retry it', change('migration', 'retry'), /resume it first/],
    ['finish it', finish, /resume it first/],
    ['resume', change('migration', 'resume', reason), undefined],
    ['resume again', change('migration', 'resume'), /is not paused/],
    ['retry', change('migration', 'retry', reason), undefined],
    ['finish', finish, undefined],
    ['finish again', finish, undefined],
    ['take it back', change('migration', 'resume', reason), undefined],
    ['take it back again', change('migration', 'resume'), /is not paused/],
    ['a person who is not there', nobody(change('migration', 'pause')), /there is no migration of|no such page/],
    ['a reason that is none', change('migration', 'pause', { reason: 'x'.repeat(501) }), /1 to 500 characters/],
  ] as const) {
    const answers = await interfaces.same(t, what, request, refused)
    if (refused === undefined) alike(t, what, answers)
  }
  const states = await rows(service, 'migration', 'list')
  t.same(
    states.map((row: { state: string; finish_requested: boolean }) => [row.state, row.finish_requested]),
    NAMES.map(() => ['pending', false]),
  )
})

t.test('many are changed at once, after a look at what would change', async (t) => {
  const bulk = (word: string, isDryRun: boolean) => () => ({
    cli: ['migration', word, '--all', '--search', '@new.example', ...(isDryRun ? ['--dry-run'] : [])],
    api: ['post', '/migrations/bulk', { action: word, filter: { search: '@new.example' }, dry_run: isDryRun }] as never,
    panel: [
      `/admin/migrations/bulk${isDryRun ? '' : '/confirm'}`,
      { action: word, whom: 'all', search: '@new.example' },
    ] as const,
  })
  const looked = await interfaces.same(t, 'look', bulk('pause', true))
  t.match(looked.cli, { dry_run: true, changed: [{ from: 'pending', to: 'paused', count: 3 }] })
  t.same(looked.api, looked.cli)
  for (const name of NAMES) {
    t.ok((await interfaces[name](bulk('pause', false)())).done, `${name} pauses`)
    t.match(await rows(service, 'migration', 'list', '--state', 'paused'), [{}, {}, {}])
    await mustRun(service, 'migration', 'resume', '--all')
  }
})

t.test('an account gets a quota, is disabled and enabled', async (t) => {
  const quota =
    (size: string) =>
    (name: Interface): Request => ({
      cli: ['account', 'quota', old(name), size, '--reason', 'as agreed'],
      api: [
        'post',
        `/accounts/${old(name)}/quota`,
        { quota_bytes: size === 'none' ? null : 2 * 1024 ** 3, reason: 'as agreed' },
      ],
      panel: [`/admin/migrations/${old(name)}/quota`, { quota_bytes: size, reason: 'as agreed' }],
    })
  for (const [what, request, refused] of [
    ['quota', quota('2G'), undefined],
    ['no quota', quota('none'), undefined],
    ['disable', change('account', 'disable', { reason: 'on leave' }), undefined],
    ['enable', change('account', 'enable', { reason: 'on leave' }), undefined],
    ['who is not there', nobody(change('account', 'disable')), /there is no account|no such page/],
  ] as const) {
    const answers = await interfaces.same(t, what, request, refused)
    if (refused === undefined) alike(t, what, answers)
  }
})

t.test('another password of the old server is kept only when the old server accepts it', async (t) => {
  const set =
    (secret: (name: string) => string) =>
    (name: Interface): Request => ({
      ...{ cli: ['migration', 'set-password', old(name), '--reason', 'asked'], input: `${secret(name)}\n` },
      api: ['post', `/migrations/${old(name)}/set-password`, { password: secret(name), reason: 'asked' }],
      panel: [`/admin/migrations/${old(name)}/set-password`, { password: secret(name), reason: 'asked' }],
    })
  alike(t, 'set-password', await interfaces.same(t, 'a right one', set(password)))
  await interfaces.same(
    t,
    'a wrong one',
    set(() => 'wrong'),
    /the old server refuses this password/i,
  )
  await ferry.old.stop()
  for (const name of NAMES) t.match((await interfaces[name](set(password)(name))).words, /could not be asked/, name)
  await ferry.old.start()
})

t.test('the audit is asked about anybody, by whom and what', async (t) => {
  for (const [filter, count] of [
    ['subject=old', 1],
    [`subject=${old('api')}`, 18],
    ['action=migration.pause&actor=api', 4],
    ['since=2099-01-01', 0],
  ] as const) {
    const listed = await interfaces.same(t, filter, () => ({
      cli: ['audit', 'list', ...filter.split('&').map((part) => `--${part}`)],
      api: ['get', `/audit?${filter}`],
      panel: [`/admin/audit?${filter}`],
    }))
    t.same((listed.api as { rows: unknown }).rows, listed.cli, filter)
    t.equal((listed.cli as unknown[]).length, count, filter)
  }
  await interfaces.same(
    t,
    'a time that is none',
    () => ({
      cli: ['audit', 'list', '--since', 'yesterday'],
      api: ['get', '/audit?since=yesterday'],
      panel: ['/admin/audit?since=yesterday'],
    }),
    /must be a date/,
  )
})

t.test('the report is the same', async (t) => {
  const { cli, api } = await interfaces.same(t, 'report', () => ({
    cli: ['report'],
    api: ['get', '/report'],
    panel: ['/admin'],
  }))
  t.same(api, cli)
})

t.test('by force it is finished at once, and never again', async (t) => {
  const force = (name: Interface): Request => ({
    cli: ['migration', 'finish', old(name), '--force', '--reason', 'agreed'],
    api: ['post', `/migrations/${old(name)}/finish`, { force: true, reason: 'agreed' }],
    panel: [`/admin/migrations/${old(name)}/finish`, { force: 'yes', reason: 'agreed' }],
  })
  const finished = await interfaces.same(t, 'force', force)
  alike(t, 'finished', finished)
  t.match(finished.cli, { state: 'done', proof: /never compared/ })
  await interfaces.same(t, 'again', force, /is done already/)
})

t.end()
