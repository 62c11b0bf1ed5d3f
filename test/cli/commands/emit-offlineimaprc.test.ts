import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openDatabase } from '../../../src/db/connection/database.ts'
import { domains } from '../../../src/db/domains.ts'
import { migrations } from '../../../src/db/migrations.ts'
import { providers } from '../../../src/db/providers.ts'
import { provisioner } from '../../../src/db/provisioning.ts'
import { parseAddress } from '../../../src/model/address.ts'
import { finish, pause } from '../../../src/model/migration.ts'
import { BY } from '../../support/by.ts'
import { EMIT } from '../../support/program.ts'
import { PROVIDER } from '../../support/provider.ts'
import { runProgram } from '../../support/service.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-emit-'))
const dataDir = join(folder, 'data')
const output = join(folder, 'offlineimaprc')
t.after(() => rmSync(folder, { recursive: true }))

const emit = (...args: string[]) =>
  runProgram(process.execPath, [EMIT, ...args], { PATH: process.env.PATH, POSTFERRY_DATA_DIR: dataDir })

/** The homes that are copied to, by the numbers in them. */
function people(text: string): number[] {
  return [...text.matchAll(/^localfolders = "\/home\/(\d+)\/Maildir"$/gm)].map(([, number]) => Number(number))
}

t.before(async () => {
  await using database = await openDatabase({ databaseUrl: null, dataDir })
  await database.ready()
  const { kysely } = database
  for (const name of ['one', 'other']) {
    await providers(kysely).add({ ...PROVIDER, name, engine: name === 'one' ? 'auto' : 'offlineimap' }, BY)
    const domain = `${name}.example`
    await domains(kysely, '/home/%u').add({ name: domain, newDomain: domain, provider: name, sharesNames: false }, BY)
  }
  for (let number = 1; number <= 12; number++) {
    const address = parseAddress(`p${number}@old.example`)
    if (address === null) throw new Error('no address')
    await provisioner(kysely).provision({
      address,
      home: `/home/${number}`,
      passwordHash: 'hash',
      seenHash: null,
      sealed: { bytes: new Uint8Array([1]), to: ['age1'] },
      provider: { ...PROVIDER, name: number <= 8 ? 'one' : 'other' },
      oldDomain: number <= 8 ? 'one.example' : 'other.example',
      oldUsername: address.text,
    })
  }
  await migrations(kysely).take('p11@old.example', finish, { ...BY, action: 'finish' })
  await migrations(kysely).take('p12@old.example', pause, { ...BY, action: 'pause' })
})

const ACTIVE = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

t.test('all active migrations are written, the same at each run', async (t) => {
  const first = await emit()
  t.match(first, { exitCode: 0, stderr: '' })
  t.same(people(first.stdout), ACTIVE)
  t.match(first.stdout, /^accounts = m-\d+(,m-\d+){9}$/m)
  t.equal((await emit()).stdout, first.stdout)
})

t.test('shards share the work without a gap and without doing anything twice', async (t) => {
  for (const parts of [1, 3]) {
    const found = []
    for (let number = 1; number <= parts; number++) {
      found.push(...people((await emit('--shard', `${number}/${parts}`)).stdout))
    }
    t.same(
      found.sort((a, b) => a - b),
      ACTIVE,
    )
  }
  t.same(people((await emit('--provider', 'other')).stdout), [9, 10])
})

t.test('the output is replaced whole, for its owner alone', async (t) => {
  writeFileSync(output, 'older', { mode: 0o644 })
  t.match(await emit('--output', output), { exitCode: 0, stdout: '', stderr: '' })
  t.equal(statSync(output).mode & 0o777, 0o600)
  t.same(people(readFileSync(output, 'utf8')), ACTIVE)
})

t.test('what cannot be done has one line and its exit code, and leaves the older file alone', async (t) => {
  writeFileSync(output, 'older')
  const cases: [string[], number, RegExp][] = [
    [['--output', '/nowhere/offlineimaprc'], 73, /cannot write \/nowhere\/offlineimaprc/],
    [['--output', output, '--provider', 'unknown'], 65, /there is no provider unknown/],
    ...['0/2', '3/2', '1', 'x', '1/2/3', '-1/2'].map((shard): [string[], number, RegExp] => [
      ['--output', output, '--shard', shard],
      64,
      /shard/,
    ]),
    [['--nonsense'], 64, /nonsense/],
  ]
  for (const [args, exitCode, line] of cases) {
    const ended = await emit(...args)
    t.match(ended, { exitCode, stdout: '', stderr: line }, args.join(' '))
    t.notMatch(ended.stderr, /\n {4}at /)
  }
  t.equal(readFileSync(output, 'utf8'), 'older')
  t.same(
    readdirSync(folder).filter((name) => name.startsWith('.')),
    [],
  )
  t.notOk(existsSync('/nowhere'))
})

t.end()
