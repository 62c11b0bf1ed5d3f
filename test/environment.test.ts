import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { SettingsError } from '../src/config.ts'
import { environment } from '../src/environment.ts'

const folder = mkdtempSync(join(tmpdir(), 'mailferry-environment-'))
t.after(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'mailferry.env')
const NOBODY = 65_534

const inForce = (text: string, own: NodeJS.ProcessEnv = {}) => {
  writeFileSync(file, text)
  return environment({ MAILFERRY_SETTINGS_FILE: file, ...own })
}

t.test('the file completes the environment, which takes precedence', async (t) => {
  const text =
    '# a comment\n\n  MAILFERRY_PORT=1 # why\nMAILFERRY_HOST="::1"\nMAILFERRY_DOOR_TOKEN_FILE=/x\nDATABASE_URL=\n'
  t.same(inForce(text, { MAILFERRY_PORT: '2', PATH: '/bin' }), {
    ...{ MAILFERRY_SETTINGS_FILE: file, PATH: '/bin', MAILFERRY_PORT: '2' },
    ...{ MAILFERRY_HOST: '::1', MAILFERRY_DOOR_TOKEN_FILE: '/x', DATABASE_URL: '' },
  })
})

t.test('what the file says and nobody would obey is refused, line by line, without its text', async (t) => {
  const flaws: [string, RegExp][] = [
    ['this is no setting', /line 1: this is no setting: write NAME=value/],
    ['# well\nhush+hush/hush==', /line 2: this is no setting/],
    ['export MAILFERRY_PORT=1', /line 1: this is no setting/],
    ['MAILFERRY_HOEM=hush', /line 1: there is no setting MAILFERRY_HOEM: is MAILFERRY_HOME meant\?/],
    ['MAILFERY_HOME=hush', /is MAILFERRY_HOME meant/],
    ['PGPASSWORD=hush', /line 1: there is no setting PGPASSWORD/],
    ['MAILFERRY_URL=hush', /line 1: there is no setting MAILFERRY_URL/],
    ['MAILFERRY_HOME="hush', /line 1: the quote of MAILFERRY_HOME does not end/],
    ['MAILFERRY_PORT=1\n\nMAILFERRY_PORT=2', /line 3: MAILFERRY_PORT is set in line 1 already/],
  ]
  for (const [text, message] of flaws) {
    const error = flawOf(() => inForce(text))
    t.match(error.message, message)
    t.ok(error.message.startsWith(file))
    t.notMatch(error.message, /hush/)
  }
})

t.test('a file that cannot be read is no empty one', async (t) => {
  t.match(flawOf(() => environment({ MAILFERRY_SETTINGS_FILE: folder })).message, `settings in ${folder}: EISDIR`)
  t.match(flawOf(() => environment({ MAILFERRY_SETTINGS_FILE: join(folder, 'none') })).message, /none: ENOENT/)
  t.same(environment({ MAILFERRY_SETTINGS_FILE: '' }), { MAILFERRY_SETTINGS_FILE: '' })
})

t.test('a user who may not read it is told so', async (t) => {
  writeFileSync(file, '')
  chmodSync(file, 0)
  // root may read everything.
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(NOBODY)
  const { message } = flawOf(() => environment({ MAILFERRY_SETTINGS_FILE: file }))
  if (isRoot) process.seteuid?.(0)
  t.equal(
    message,
    `cannot read the settings in ${file}: run this as a user who may read it, such as the one of "mailferry serve"`,
  )
})

function flawOf(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    if (error instanceof SettingsError) return error
    throw error
  }
  throw new Error('there is no flaw')
}
