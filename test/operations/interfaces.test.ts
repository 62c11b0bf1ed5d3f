import t, { type Test } from 'tap'
import { certificates } from '../support/certificates.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { type Interface, Interfaces } from '../support/interfaces.ts'
import { OWNER } from '../support/panel.ts'
import { type RunningService, startService } from '../support/service.ts'
import { type Source, startSource } from '../support/source-server.ts'

// Each operation, through each interface.

let service: RunningService
let old: Source
let interfaces: Interfaces
t.before(async () => {
  service = await startService()
  interfaces = await Interfaces.of(service)
  const { server: tls } = await certificates()
  old = await startSource({ people: { anna: 'pw of anna' }, tls })
})
t.after(async () => {
  await service[Symbol.asyncDispose]()
  await old[Symbol.asyncDispose]()
})

const SETTINGS = { host: 'localhost', tls: 'implicit', login_name: '%n', cutover: '', after_refusal: 'admit' }

/** What is kept of a provider, without its name and what the interface cannot know. */
async function kept(name: Interface): Promise<object> {
  const { breaker, connections_in_use, waiting, ...settings } = await rows(service, 'provider', 'show', name)
  return unnamed(settings)
}

/** Without what comes with a new one, and with one that is shown. */
function unnamed(answer: unknown): object {
  const { name: _, cutover_why, copies_with, ...row } = answer as Readonly<Record<string, unknown>>
  return row
}

async function allKeepTheSame(t: Test, answers: Partial<Record<Interface, unknown>>): Promise<void> {
  const all = await Promise.all((['cli', 'api', 'panel'] as const).map(kept))
  for (const one of all) t.same(one, all[0])
  for (const answer of Object.values(answers)) t.same(unnamed(answer), all[0], 'and tell what they keep')
}

t.test('a provider is added', async (t) => {
  const { server: tls } = await certificates()
  const endpoint = { port: `${old.tlsPort}`, ca_file: tls.ca }
  const answers = await interfaces.same(t, 'add', (name) => ({
    cli: [
      ...['provider', 'add', name, '--host', 'LOCALHOST', '--port', endpoint.port, '--ca-file', tls.ca],
      ...['--login-name', '%n', '--max-connections', '7', '--window', '20:00-06:00 Europe/Berlin', '--reopens'],
      ...['--exclude', 'Spam*', '--exclude', 'Trash', '--reason', 'the first'],
    ],
    api: [
      'post',
      '/providers',
      {
        ...{ name, host: 'LOCALHOST', port: old.tlsPort, ca_file: tls.ca, login_name: '%n', max_connections: 7 },
        ...{ window: '20:00-06:00 Europe/Berlin', reopens: true, exclude: ['Spam*', 'Trash'], reason: 'the first' },
      },
    ],
    panel: [
      '/admin/providers',
      {
        ...{ ...SETTINGS, ...endpoint, name, host: 'LOCALHOST', max_connections: '7', reopens: 'yes' },
        ...{ window: '20:00-06:00 Europe/Berlin', exclude: 'Spam*\nTrash', reason: 'the first' },
      },
    ],
  }))
  await allKeepTheSame(t, answers)
})

t.test('what cannot be added is refused in the same words', async (t) => {
  const add = (settings: Readonly<Record<string, string>>, refused: RegExp) =>
    interfaces.same(
      t,
      JSON.stringify(settings),
      (name) => ({
        cli: [
          'provider',
          'add',
          name,
          ...Object.entries(settings).map(([key, value]) => `--${key.replace('_', '-')}=${value}`),
        ],
        api: ['post', '/providers', { name, ...settings }],
        panel: ['/admin/providers', { ...SETTINGS, name, ...settings }],
      }),
      refused,
    )
  await add({ host: 'localhost' }, /exists already/)
  await add({ host: 'imaps://h' }, /DNS name or an IP address/)
  await add({ host: 'h', fingerprint: 'aa' }, /64 hex digits/)
  await add({ host: 'h', window: '20:00-20:00' }, /It is empty/)
  await add({ host: 'h', cutover: 'proxied', engine: 'offlineimap' }, /only doveadm makes/)
  await add({ host: 'h', ca_file: '/nowhere/ca.pem' }, /\/nowhere\/ca\.pem cannot be read \(ENOENT\)/)
})

t.test('a provider is changed, and what is taken away is as by default', async (t) => {
  const changed = await interfaces.same(t, 'set', (name) => ({
    cli: [
      ...['provider', 'set', name, '--no-window', '--no-exclude', '--no-reopens', '--no-max-connections'],
      ...['--forward-client', '--copy-connections', '3', '--reason', 'for once'],
    ],
    api: [
      'patch',
      `/providers/${name}`,
      {
        ...{ window: null, exclude: [], reopens: false, max_connections: null, forward_client: true },
        ...{ copy_connections: 3, reason: 'for once' },
      },
    ],
    panel: [
      `/admin/providers/${name}`,
      {
        ...{ ...SETTINGS, window: '', exclude: '', max_connections: '', copy_connections: '3', forward_client: 'yes' },
        reason: 'for once',
      },
    ],
  }))
  await allKeepTheSame(t, changed)
  t.match(await kept('panel'), { window: null, exclude: [], reopens: false, max_connections: 20, copy_connections: 3 })
})

t.test('what does not fit a provider is refused in the same words', async (t) => {
  const set = (settings: Readonly<Record<string, string | number>>, refused: RegExp, named?: string) =>
    interfaces.same(
      t,
      JSON.stringify(settings),
      (name) => ({
        cli: [
          ...['provider', 'set', named ?? name],
          ...Object.entries(settings).map(([key, value]) => `--${key.replace('_', '-')}=${value}`),
        ],
        api: ['patch', `/providers/${named ?? name}`, settings],
        panel: [
          `/admin/providers/${named ?? name}`,
          {
            ...{ ...SETTINGS, forward_client: 'yes', current: OWNER.password },
            ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)])),
          },
        ],
      }),
      refused,
    )
  await set({ tls: 'none' }, /in the clear: confirm it with plain_text/)
  await set({ copy_connections: 18 }, /of 20 connections copying may have 15 at most/)
  await set({ port: 70000 }, /whole number from 1 to 65535/)
  await set({ port: 993 }, /no provider nobody|There is no such page/, 'nobody')
})

t.test('a provider is listed and shown', async (t) => {
  const listed = await interfaces.same(t, 'list', () => ({
    cli: ['provider', 'list'],
    api: ['get', '/providers'],
    panel: ['/admin/providers'],
  }))
  t.same(listed.api, listed.cli)
  const shown = await interfaces.same(t, 'show', (name) => ({
    cli: ['provider', 'show', name],
    api: ['get', `/providers/${name}`],
    panel: [`/admin/providers/${name}`],
  }))
  t.match(unnamed(shown.cli), unnamed(shown.api))
})

t.test('a connection is tested, and a password tried', async (t) => {
  // A command on the copying host approves what was tested well, when nothing was approved before.
  for (const name of ['cli', 'api', 'panel']) await mustRun(service, 'provider', 'approve', name)
  const tested = await interfaces.same(t, 'test', (name) => ({
    cli: ['provider', 'test', name],
    api: ['post', `/providers/${name}/test`],
    panel: [`/admin/providers/${name}/test`, {}],
  }))
  const steps = (answer: unknown) => (answer as { step: string; ok: boolean }[]).map(({ step, ok }) => [step, ok])
  t.same(steps(tested.api), steps(tested.cli))
  t.equal(steps(tested.api).length, 6)
  for (const name of ['cli', 'api', 'panel'] as const)
    t.match(await kept(name), { test_failed: null, tested_at: /^20/ })
  const tried = await interfaces.same(t, 'sign-in', (name) => ({
    ...{ cli: ['provider', 'test', name, '--sign-in', 'anna'], input: 'pw of anna\n' },
    api: ['post', `/providers/${name}/sign-in`, { username: 'anna', password: 'pw of anna' }],
    panel: [`/admin/providers/${name}/sign-in`, { username: 'anna', password: 'pw of anna' }],
  }))
  t.match(tried.api, { answer: 'yes', remedy: null })
  t.same(tried.api, tried.cli)
})

t.test('a provider is removed when nothing belongs to it', async (t) => {
  const remove = (name: Interface) => ({
    cli: ['provider', 'remove', name, '--reason', 'all are here'],
    api: ['delete', `/providers/${name}?reason=all%20are%20here`] as const,
    panel: [`/admin/providers/${name}/remove`, { reason: 'all are here' }] as const,
  })
  const add = (name: Interface) => ({
    cli: ['domain', 'add', `${name}.example`, '--provider', name],
    api: ['post', '/domains', { domain: `${name}.example`, provider: name }] as const,
    panel: ['/admin/domains', { domain: `${name}.example`, provider: name }] as const,
  })
  const without = (name: Interface) => ({
    cli: ['domain', 'remove', `${name}.example`],
    api: ['delete', `/domains/${name}.example`] as const,
    panel: [`/admin/domains/${name}.example/remove`, {}] as const,
  })
  for (const [what, request, refused] of [
    ['add a domain', add, undefined],
    ['add it again', add, /exists already/],
    ['remove its provider', remove, /still has domains/],
    ['remove the domain', without, undefined],
    ['remove what is not there', without, /there is no domain|There is no such page/],
    ['remove the provider', remove, undefined],
    ['remove what is not there', remove, /there is no provider|There is no such page/],
  ] as const) {
    await interfaces.same(t, what, request, refused)
  }
  t.same(await rows(service, 'provider', 'list'), [])
})

t.end()
