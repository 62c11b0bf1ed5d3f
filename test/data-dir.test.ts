import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { loadSettings, SettingsError } from '../src/config.ts'
import { panelKeyInForce } from '../src/data-dir.ts'

const MODULE = join(import.meta.dirname, '../src/data-dir.ts')
const ROUNDS = 100

const folder = mkdtempSync(join(tmpdir(), 'mailferry-data-dir-'))
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

t.test('several processes that make it at the same moment end with one key', async (t) => {
  // At the same moments for all of them, each time in another data directory.
  const script = `
    import { panelKeyInForce } from ${JSON.stringify(MODULE)}
    process.stdin.once('data', (start) => {
      for (let round = 0; round < ${ROUNDS}; round++) {
        while (Date.now() < Number(start) + round * 10);
        const dataDir = ${JSON.stringify(join(folder, 'raced-'))} + round
        console.log(panelKeyInForce({ panelKey: null, dataDir }).toString('base64url'))
      }
      process.exit()
    })
    console.log('ready')`
  const makers = Array.from({ length: 3 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }),
  )
  await Promise.all(makers.map(({ stdout }) => once(stdout.setEncoding('utf8'), 'data')))
  const start = Date.now() + 200
  const ended = makers.map(async ({ stdin, stdout }) => {
    stdin.write(`${start}\n`)
    return (await stdout.toArray()).join('').split('\n')
  })
  const [made, ...others] = await Promise.all(ended)
  for (const other of others) t.same(other, made)
  const kept = Array.from({ length: ROUNDS }, (_, round) => readFileSync(join(folder, `raced-${round}`, 'panel-key')))
  t.same(made, `${kept.join('')}`.split('\n'))
})

t.test('a panel key of the settings is taken as it is, and none is made', async (t) => {
  const file = join(folder, 'given')
  const key = 'ab'.repeat(32)
  writeFileSync(file, `${key}\n`)
  const MAILFERRY_DATA_DIR = join(folder, 'none')
  for (const given of [{ MAILFERRY_PANEL_KEY: key }, { MAILFERRY_PANEL_KEY_FILE: file }]) {
    t.same(panelKeyInForce(loadSettings({ MAILFERRY_DATA_DIR, ...given })), Buffer.from(key, 'hex'))
  }
  t.throws(() => statSync(MAILFERRY_DATA_DIR))
})

t.test('a panel key that is none is refused in a line that does not repeat it', async (t) => {
  t.throws(() => loadSettings({ MAILFERRY_PANEL_KEY: 's3cret' }), {
    message: 'MAILFERRY_PANEL_KEY must be 32 bytes in base64 or hex',
  })
  const dataDir = mkdtempSync(join(folder, 'broken-'))
  writeFileSync(join(dataDir, 'panel-key'), 's3cret\n')
  const refused = () => panelKeyInForce({ panelKey: null, dataDir })
  t.throws(
    refused,
    new SettingsError(
      `${dataDir}/panel-key does not hold 32 bytes in base64 or hex: restore it, or set MAILFERRY_PANEL_KEY`,
    ),
  )
  t.equal(readFileSync(join(dataDir, 'panel-key'), 'utf8'), 's3cret\n', 'it is not replaced')
})

t.end()
