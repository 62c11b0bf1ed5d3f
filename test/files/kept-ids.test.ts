import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { instanceId } from '../../src/files/kept-ids.ts'
import { SettingsError } from '../../src/settings.ts'

t.test('a data directory has one instance on a host, and keeps its name', async (t) => {
  const dataDir = t.testdir({})
  const id = instanceId(dataDir)
  t.match(id, /^[0-9a-f-]{36}$/)
  t.equal(instanceId(dataDir), id)
  const copy = t.testdir({ [`instance-id.${hostname()}-elsewhere`]: `${id}\n` })
  t.not(instanceId(copy), id, 'a copy on another host')
})

t.test('a file that holds no name is refused, with its path', async (t) => {
  const dataDir = t.testdir({})
  const file = join(dataDir, `instance-id.${hostname()}`)
  for (const text of ['', 'anna\n', "x'; drop table account"]) {
    writeFileSync(file, text)
    t.throws(
      () => instanceId(dataDir),
      new SettingsError(`${file} does not hold an instance id: remove it, and the next start makes another one`),
    )
  }
})
