import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { SettingsError } from '../src/settings.ts'
import { environment, settingsIn, withSetting } from '../src/settings-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-environment-'))
t.after(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'postferry.env')
const NOBODY = 65_534

const inForce = (text: string, own: NodeJS.ProcessEnv = {}) => {
  writeFileSync(file, text)
  return environment({ POSTFERRY_SETTINGS_FILE: file, ...own })
}

t.test('the file completes the environment, which takes precedence', async (t) => {
  const text =
    '# a comment\n\n  POSTFERRY_PORT = 1 \nPOSTFERRY_HOST="::1"\nPOSTFERRY_AUTH_TOKEN_FILE=/x\nDATABASE_URL=\n'
  t.same(inForce(text, { POSTFERRY_PORT: '2', PATH: '/bin' }), {
    ...{ POSTFERRY_SETTINGS_FILE: file, PATH: '/bin', POSTFERRY_PORT: '2' },
    ...{ POSTFERRY_HOST: '::1', POSTFERRY_AUTH_TOKEN_FILE: '/x', DATABASE_URL: '' },
  })
})

t.test('a value is all that its line says, and no line changes what another says', async (t) => {
  const set: [string, NodeJS.ProcessEnv][] = [
    ['POSTFERRY_HOST=\nPOSTFERRY_PORT=1', { POSTFERRY_HOST: '', POSTFERRY_PORT: '1' }],
    ['POSTFERRY_HOST=  \nPOSTFERRY_PORT=1', { POSTFERRY_HOST: '', POSTFERRY_PORT: '1' }],
    ['\uFEFFPOSTFERRY_PORT=1\nPOSTFERRY_HOST=::1', { POSTFERRY_PORT: '1', POSTFERRY_HOST: '::1' }],
    ['\uFEFF# why\r\nPOSTFERRY_PORT=1\r\n', { POSTFERRY_PORT: '1' }],
    [`POSTFERRY_HOME="/x#2/%u" # why`, { POSTFERRY_HOME: '/x#2/%u' }],
    [`POSTFERRY_HOME='/a "b" c/%u'`, { POSTFERRY_HOME: '/a "b" c/%u' }],
    ['POSTFERRY_RECIPIENT_DELIMITER="#"', { POSTFERRY_RECIPIENT_DELIMITER: '#' }],
  ]
  for (const [text, expected] of set) t.same(inForce(text), { POSTFERRY_SETTINGS_FILE: file, ...expected }, text)
})

t.test('what is written into a file is read from it again', async (t) => {
  const values = ['/srv/%d/%n', '#', '/a b/%u', `/a'b/%u`, `/a"b/%u`, '/a`b/%u', '/a\\nb#/%u', `/$&/"'/%u`, '']
  const texts = [
    '',
    'POSTFERRY_HOME = /x/%u',
    '\uFEFF\tPOSTFERRY_HOME="/x/%u"\r\nPOSTFERRY_PORT=1\r\n',
    '#POSTFERRY_HOME=/x',
  ]
  for (const value of values)
    for (const text of texts) {
      const after = withSetting(text, 'POSTFERRY_HOME', value)
      t.same(settingsIn(after, file), { ...settingsIn(text, file), POSTFERRY_HOME: value }, after)
    }
  t.throws(() => withSetting('', 'POSTFERRY_HOME', `"'\``), { message: /cannot be written/ })
})

t.test('what the file says and nobody would obey is refused, line by line, without its text', async (t) => {
  const flaws: [string, RegExp][] = [
    ['this is no setting', /line 1: this is no setting: write NAME=value/],
    ['# well\nhush+hush/hush==', /line 2: this is no setting/],
    ['export POSTFERRY_PORT=1', /line 1: this is no setting/],
    ['POSTFERRY_HOEM=hush', /line 1: there is no setting POSTFERRY_HOEM: is POSTFERRY_HOME meant\?/],
    ['POSTFERY_HOME=hush', /is POSTFERRY_HOME meant/],
    ['PGPASSWORD=hush', /line 1: there is no setting PGPASSWORD/],
    ['POSTFERRY_URL=hush', /line 1: there is no setting POSTFERRY_URL/],
    ['POSTFERRY_HOME="hush', /line 1: the quote of POSTFERRY_HOME does not end/],
    ['\n\u00A0POSTFERRY_PORT=1', /line 2: a character that cannot be seen is in it \(U\+00A0\)/],
    ['\vPOSTFERRY_PORT=1', /line 1: a character that cannot be seen is in it \(U\+000B\)/],
    ['# well\n\uFEFFPOSTFERRY_PORT=1', /line 2: a character that cannot be seen is in it \(U\+FEFF\)/],
    ['POSTFERRY_PORT=1\rPOSTFERRY_HOST=::1', /line 1: a character that cannot be seen is in it \(U\+000D\)/],
    ['POSTFERRY_AUTH_TOKEN=hush#EF', /line 1: a # in a value without quotes .*: write POSTFERRY_AUTH_TOKEN="…"/],
    ['POSTFERRY_PORT=1 # hush', /line 1: a # in a value without quotes .*or the comment on a line of its own/],
    ['POSTFERRY_RECIPIENT_DELIMITER=#', /line 1: a # in a value without quotes/],
    ['POSTFERRY_HOST="::1" hush', /line 1: something follows the quoted value of POSTFERRY_HOST/],
    ['POSTFERRY_HOST="a"hush"b"', /line 1: something follows the quoted value of POSTFERRY_HOST/],
    ['POSTFERRY_PORT=1\n\nPOSTFERRY_PORT=2', /line 3: POSTFERRY_PORT is set in line 1 already/],
  ]
  for (const [text, message] of flaws) {
    const error = flawOf(() => inForce(text))
    t.match(error.message, message)
    t.ok(error.message.startsWith(file))
    t.notMatch(error.message, /hush/)
  }
})

t.test('a file that cannot be read is no empty one', async (t) => {
  t.match(flawOf(() => environment({ POSTFERRY_SETTINGS_FILE: folder })).message, `settings in ${folder}: EISDIR`)
  t.match(flawOf(() => environment({ POSTFERRY_SETTINGS_FILE: join(folder, 'none') })).message, /none: ENOENT/)
  t.same(environment({ POSTFERRY_SETTINGS_FILE: '' }), { POSTFERRY_SETTINGS_FILE: '' })
})

t.test('a user who may not read it is told so', async (t) => {
  writeFileSync(file, '')
  chmodSync(file, 0)
  // root may read everything.
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(NOBODY)
  const { message } = flawOf(() => environment({ POSTFERRY_SETTINGS_FILE: file }))
  if (isRoot) process.seteuid?.(0)
  t.equal(
    message,
    `cannot read the settings in ${file}: run this as a user who may read it, such as the one of "postferry serve"`,
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
