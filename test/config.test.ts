import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadSettings, redacted } from '../src/config.ts'

t.test('every setting that is documented is told, by its name and with its documented default', async (t) => {
  const documented = readFileSync(join(import.meta.dirname, '../deploy/mailferry.env'), 'utf8')
  const defaults = [...documented.matchAll(/^#([A-Z_]+)=(.*)$/gm)]
  const told = redacted(loadSettings({}))
  t.same(Object.keys(told).sort(), defaults.map(([, name]) => name).sort())
  for (const [, name = '', value = ''] of defaults.filter(([, , value = '']) => /^\d+$/.test(value))) {
    t.equal(String(told[name]), value, name)
  }
})

t.test('of a secret only whether it is set is told', async (t) => {
  const secrets = {
    DATABASE_URL: 'postgresql://ferry:hush-1@localhost/mailferry',
    MAILFERRY_DOOR_TOKEN: 'hush-2',
    MAILFERRY_ADMIN_TOKEN: 'hush-3',
  }
  const told = redacted(loadSettings(secrets))
  t.notMatch(JSON.stringify(told), /hush/)
  for (const name of Object.keys(secrets)) {
    t.equal(told[name], 'set')
    t.equal(redacted(loadSettings({}))[name], 'not set')
  }
})
