import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Filter } from '../../../src/copying/ports.ts'
import { carriedBefore, keepCarried } from '../../../src/engines/doveadm/carried.ts'
import { type DoveadmDeps, doveadmEngine } from '../../../src/engines/doveadm/engine.ts'
import { carryFilters } from '../../../src/engines/doveadm/filters.ts'
import { whyNoSieve } from '../../../src/engines/doveadm/sieve.ts'
import { CouldNotAsk, Silence } from '../../../src/model/ledger.ts'
import { OWN } from '../../support/debian.ts'
import { users } from '../../support/dovecot-users.ts'
import { putScripts } from '../../support/managesieve.ts'
import { PROVIDER } from '../../support/provider.ts'

// What comes of filters, with the doveadm and the Pigeonhole of this machine; what the source has is said.

const CREDENTIAL = { address: 'anna@new.example', provider: null, username: 'anna', password: 'x' }
const [A, B, C] = ['keep; # a\r\n', 'keep; # b\n', 'discard;\n']
const BAD = 'require "vnd.example.nothing";\n'

let number = 0

/** A person, and the folder of the sync state. */
async function begin(t: { after(done: () => void): unknown }) {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-filters-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o755)
  const { mail } = await users(OWN)
  const home = join(folder, 'home')
  mkdirSync(home)
  chownSync(home, mail.uid, mail.gid)
  const id = `${++number}`
  const carry = async (
    scripts: Readonly<Record<string, string | null>> | null | Error,
    active: string | null = null,
    { isMirrored = true, isUrgent = true, dovecotConf = null as string | null } = {},
  ) => {
    let isAsked = false
    const filters = async (): Promise<Filter[] | null> => {
      isAsked = true
      if (scripts instanceof Error) throw scripts
      return (
        scripts &&
        Object.entries(scripts).map(([name, script]) => ({
          name,
          script: script === null ? null : Buffer.from(script),
          isActive: name === active,
        }))
      )
    }
    const deps = { access: { filters }, dovecotConf, shared: { stateFolder: join(folder, 'state') } }
    const order = { id, home, address: 'anna@new.example', provider: PROVIDER, isMirrored }
    const { flaw, told, isUnread } = await carryFilters(
      ...([order, CREDENTIAL, isUrgent, deps, new AbortController().signal] as const),
    )
    return { flaw, told: told.join('\n'), isAsked, isUnread }
  }
  const write = (name: string, text: string) => {
    writeFileSync(join(home, 'sieve', `${name}.sieve`), text)
    chownSync(join(home, 'sieve', `${name}.sieve`), mail.uid, mail.gid)
  }
  const look = () => {
    const names = readdirSync(join(home, 'sieve')).filter((name) => name.endsWith('.sieve'))
    const scripts = Object.fromEntries(
      names.map((name) => [name.slice(0, -6), readFileSync(join(home, 'sieve', name), 'utf8')]),
    )
    return { scripts, active: activeIn(home) }
  }
  const release = async () => {
    const deps = { shared: { stateFolder: join(folder, 'state') } } as unknown as DoveadmDeps
    await doveadmEngine(deps).release({ id, home, provider: PROVIDER })
    return readdirSync(join(folder, 'state'))
  }
  const passes = (ms: number) => {
    const carried = carriedBefore(join(folder, 'state'), id)
    if (carried?.silentSince === undefined) throw new Error('no silence is known')
    keepCarried(join(folder, 'state'), id, { ...carried, silentSince: carried.silentSince - ms })
  }
  return { home, carry, write, look, folder, release, passes }
}

function activeIn(home: string): string | null {
  try {
    return readlinkSync(join(home, '.dovecot.sieve')).replace(/^sieve\/(.*)\.sieve$/, '$1')
  } catch {
    return null
  }
}

t.test('one that the source does not hand over stays there, and the others come', async (t) => {
  const { carry, look } = await begin(t)
  const told = /^the filter "other" does not come: the old server does not hand it over/
  t.match(await carry({ main: A, other: null }, 'main'), { flaw: null, told })
  t.same(look(), { scripts: { main: A }, active: 'main' })
  t.match(await carry({ main: A, other: null }, 'other'), { flaw: 'the active filter "other" cannot come', told })
})

t.test('scripts come, and follow the source as long as nobody changes them here', async (t) => {
  const { home, carry, look, release } = await begin(t)
  t.match(await carry({ main: A, '-a "x" ACTIVE': B }, 'main'), {
    flaw: null,
    told: /brought: "main", "-a \\"x\\" ACTIVE"/,
  })
  t.same(look(), { scripts: { main: A, '-a "x" ACTIVE': B }, active: 'main' })
  t.same(readdirSync(home).sort(), ['.dovecot.sieve', 'sieve'], 'nothing of a mailbox is made')
  t.match(await carry({ main: A, '-a "x" ACTIVE': B }, 'main'), { flaw: null, told: '' })
  t.match(await carry({ main: C, '-a "x" ACTIVE': B }, '-a "x" ACTIVE'), { flaw: null, told: /brought: "main"$/ })
  t.same(look(), { scripts: { main: C, '-a "x" ACTIVE': B }, active: '-a "x" ACTIVE' })
  t.match(await carry({ main: C }, null), { flaw: null })
  t.equal(look().active, null, 'switched off there')
  t.same(await release(), [], 'nothing is left of it when she is finished')
})

t.test('what she has here stays, and is told', async (t) => {
  const { carry, look, write } = await begin(t)
  await carry({ main: A, other: A }, 'main')
  write('main', B)
  t.match(await carry({ main: C, other: C, third: C }, 'main', { isMirrored: false }), {
    flaw: null,
    told: /the filter "main" does not come: another one of this name is here/,
  })
  t.same(look(), { scripts: { main: B, other: C, third: C }, active: 'main' })
  t.match(await carry({ main: C }, 'main', { isUrgent: false }), { isAsked: false }, 'that is no flaw')
  t.match(await carry({ main: C, other: C }, 'other'), { flaw: null, told: /"main" is the active one here, and stays/ })
  await carry({ main: C }, null)
  t.equal(look().active, 'main', 'hers is not switched off either')
})

t.test('what she has taken away or switched off here does not come back', async (t) => {
  const { home, carry, look } = await begin(t)
  await carry({ main: A, other: A }, 'main')
  rmSync(join(home, '.dovecot.sieve'))
  rmSync(join(home, 'sieve/other.sieve'))
  t.match(await carry({ main: A, other: B }, 'main', { isMirrored: false }), { flaw: null, told: '' })
  t.same(look(), { scripts: { main: A }, active: null })
  await carry({ main: A, other: B }, 'main')
  t.same(
    look(),
    { scripts: { main: A, other: B }, active: 'main' },
    'who works on the old server still has not done that',
  )
})

t.test('an active one of her own stays the active one', async (t) => {
  const { home, carry, look } = await begin(t)
  const { mail } = await users(OWN)
  putScripts(home, { own: C }, 'own', mail)
  t.match(await carry({ main: A }, 'main'), {
    flaw: null,
    told: /the filter "own" is the active one here, and stays so/,
  })
  t.same(look(), { scripts: { own: C, main: A }, active: 'own' })
  putScripts(home, {}, null, mail)
  t.match(await carry({ main: A, own: A }, 'own'), { flaw: /the active filter "own" cannot come/ })
  t.same(look(), { scripts: { own: C, main: A }, active: null })
})

t.test('what the new server does not take keeps who is active by it, and nobody else', async (t) => {
  const { carry, look } = await begin(t)
  t.match(await carry({ main: A, bad: BAD }, 'main'), {
    flaw: null,
    told: /"bad" does not come: .*vnd\.example\.nothing/,
  })
  t.match(await carry({ main: A, bad: BAD }, 'bad'), { flaw: /the active filter "bad" cannot come/ })
  t.same(look(), { scripts: { main: A }, active: 'main' })
  t.match(await carry({ 'a/b': A }, 'a/b'), { flaw: /"a\/b"/ })
})

t.test('what has come beside one that could not is known later, and looked at again soon', async (t) => {
  const { carry, look } = await begin(t)
  await carry({ main: A }, 'main')
  t.match(await carry({ main: A, other: A, bad: BAD }, 'bad'), { flaw: /"bad" cannot come/ })
  t.match(await carry({ main: A, other: B }, 'main', { isUrgent: false }), { flaw: null, told: /brought: "other"$/ })
  t.same(look(), { scripts: { main: A, other: B }, active: 'main' })
})

t.test('where nothing can be asked, or nothing is there', async (t) => {
  const { carry } = await begin(t)
  t.match(await carry(new CouldNotAsk('old-tls', 'no')), { flaw: 'filters cannot be read: no' })
  t.match(await carry(null), { flaw: null, told: /no ManageSieve/ })
  t.match(await carry(null, null, { isMirrored: false }), { flaw: null, told: '' })
  t.match(
    await carry({ main: A }, 'main', { isUrgent: false }),
    { flaw: null, isAsked: false },
    'not asked again so soon',
  )
  t.match(await carry({ main: A }, 'main'), { flaw: null, isAsked: true })
  const other = await begin(t)
  const silence = new Silence('old-unreachable', 'silence')
  t.match(await other.carry(silence), { flaw: /silence/, isUnread: true }, 'it may be away')
  other.passes(60_001)
  t.match(await other.carry(silence), { flaw: null, told: /no ManageSieve/ }, 'of another process too')
  t.match(await other.carry(silence), { flaw: null }, 'and from then on')
  t.match(await carry(silence), { flaw: /silence/ }, 'not of one who has filters')
  const away = { flaw: /cannot be read: nobody answers at ManageSieve any more/, isUnread: true }
  t.match(await carry(null), away, 'whose filters came before has some')
  t.match(await carry({ main: B }, 'main', { isUrgent: false }), { flaw: null, told: /brought: "main"/ })
})

t.test('a Dovecot whose LMTP runs no filters is no place for them', async (t) => {
  const { carry, folder } = await begin(t)
  const dovecotConf = join(folder, 'new.conf')
  const lmtp = (plugins: string) =>
    `ssl = no\nbase_dir = /run/postferry-new\nmail_location = maildir:~/Maildir\nprotocol lmtp {\n  mail_plugins = ${plugins}\n}\nplugin {\n  sieve = file:~/scripts;active=~/.active\n}\n`
  writeFileSync(dovecotConf, lmtp('quota'))
  t.match(await carry({ main: A }, 'main', { dovecotConf }), { flaw: /runs no filters/ })
  t.match(await whyNoSieve(dovecotConf), /runs no filters/, 'and says so before anybody has one')
  const gone = join(folder, 'gone.conf')
  t.match(await carry({ main: A }, 'main', { dovecotConf: gone }), {
    flaw: /cannot come: \S*gone\.conf cannot be read: /,
  })
  t.match(await whyNoSieve(gone), /gone\.conf cannot be read: /)
  writeFileSync(dovecotConf, lmtp('quota sieve'))
  t.equal(await whyNoSieve(dovecotConf), null)
  t.match(await carry({ main: A }, 'main', { dovecotConf }), { flaw: null })
  t.same(
    readdirSync(join(folder, 'home/scripts')).filter((name) => name !== 'tmp'),
    ['main.sieve'],
    'where it says',
  )
})

t.test('nor is one without Pigeonhole', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-no-sieve-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const usage = 'usage: doveadm [-Dv] [-f <formatter>] <command> [<args>]'
  writeFileSync(join(folder, 'doveadm'), `#!/bin/sh\necho '${usage}' >&2\nexit 64\n`, { mode: 0o755 })
  const { PATH } = process.env
  t.teardown(() => Object.assign(process.env, { PATH }))
  process.env.PATH = `${folder}:${PATH}`
  t.match(await whyNoSieve(null), /has no Sieve: apt-get install --yes dovecot-sieve/)
})
