import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { sealTo } from '../../src/keys/age.ts'
import { addIdentity, keepNewestIdentity } from '../../src/keys/rotate.ts'
import { identityOpener, initialiseKey, panelKeyInForce, provideSecrets } from '../../src/keys/secrets.ts'
import { loadSettings, SettingsError } from '../../src/settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-data-dir-'))
t.after(() => rmSync(folder, { recursive: true }))

t.test('the panel key is made at first need, for its user alone, and stays', async (t) => {
  const dataDir = join(folder, 'new')
  const key = panelKeyInForce({ panelKey: null, dataDir })
  t.equal(key.length, 32)
  t.same(panelKeyInForce({ panelKey: null, dataDir }), key)
  t.equal(statSync(join(dataDir, 'panel-key')).mode & 0o777, 0o600)
  t.equal(statSync(dataDir).mode & 0o777, 0o700)
  t.same(readdirSync(dataDir), ['panel-key'], 'nothing else is left behind')
})

t.test('a token that can be guessed is refused also where it lies in the data directory', async (t) => {
  for (const name of ['auth-token', 'admin-token']) {
    const dataDir = mkdtempSync(join(folder, 'weak-'))
    writeFileSync(join(dataDir, name), 's3cret\n')
    const message = new RegExp(`^the token in ${join(dataDir, name)} must have 32 characters at least`)
    await t.rejects(provideSecrets(loadSettings({ POSTFERRY_DATA_DIR: dataDir })), { message })
  }
})

t.test('a panel key of the settings is taken as it is, and none is made', async (t) => {
  const file = join(folder, 'given')
  const key = 'ab'.repeat(32)
  writeFileSync(file, `${key}\n`)
  const POSTFERRY_DATA_DIR = join(folder, 'none')
  for (const given of [{ POSTFERRY_PANEL_KEY: key }, { POSTFERRY_PANEL_KEY_FILE: file }]) {
    t.same(panelKeyInForce(loadSettings({ POSTFERRY_DATA_DIR, ...given })), Buffer.from(key, 'hex'))
  }
  t.throws(() => statSync(POSTFERRY_DATA_DIR))
})

t.test('a panel key that is none is refused in a line that does not repeat it', async (t) => {
  t.throws(() => loadSettings({ POSTFERRY_PANEL_KEY: 's3cret' }), {
    message: 'POSTFERRY_PANEL_KEY must be 32 bytes in base64 or hex',
  })
  const dataDir = mkdtempSync(join(folder, 'broken-'))
  writeFileSync(join(dataDir, 'panel-key'), 's3cret\n')
  const refused = () => panelKeyInForce({ panelKey: null, dataDir })
  t.throws(
    refused,
    new SettingsError(
      `${dataDir}/panel-key does not hold 32 bytes in base64 or hex: restore it, or set POSTFERRY_PANEL_KEY`,
    ),
  )
  t.equal(readFileSync(join(dataDir, 'panel-key'), 'utf8'), 's3cret\n', 'it is not replaced')
})

t.test('what opens goes by the identity file as it is now', async (t) => {
  const settings = loadSettings({ POSTFERRY_DATA_DIR: mkdtempSync(join(folder, 'rotated-')) })
  const anna = { address: 'anna@new.example', provider: 'old', username: 'anna', password: 'Correct-Horse-9' }
  const sealedTo = async (recipient: string) => (await sealTo([recipient]).seal(anna)).bytes
  const before = await sealedTo(await initialiseKey(settings))
  const opener = await identityOpener(settings)
  t.same(await opener.open(before), anna)
  const after = await sealedTo(await addIdentity(settings))
  t.same([await opener.open(before), await opener.open(after)], [anna, anna])
  await keepNewestIdentity(settings)
  await t.rejects(opener.open(before))
  t.same(await opener.open(after), anna)
})

t.test('the key that root makes belongs to who copies on this host', async (t) => {
  const dataDir = mkdtempSync(join(folder, 'owned-'))
  const owner = process.getuid?.() || 4_242
  if (process.getuid?.() === 0) chownSync(dataDir, owner, owner)
  const elsewhere = join(folder, 'identity-elsewhere')
  await initialiseKey(loadSettings({ POSTFERRY_DATA_DIR: dataDir, POSTFERRY_IDENTITY_FILE: elsewhere }))
  const access = [elsewhere, join(dataDir, 'recipients')].map((path) => statSync(path))
  t.same(
    access.map(({ uid, mode }) => [uid, mode & 0o777]),
    [
      [owner, 0o600],
      [owner, 0o644],
    ],
  )
})

t.end()
