import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { check } from '../../../src/engines/offlineimap/check.ts'

const folder = t.testdir({})
const { PATH } = process.env
t.teardown(() => {
  process.env.PATH = PATH
})

t.test('doctor hears whether the OfflineIMAP that the pythonfile repairs is on this host', async (t) => {
  process.env.PATH = folder
  t.match(await check(), { result: 'warn', found: 'not here', remedy: /apt-get install offlineimap3/ })
  const says = async (script: string) => {
    writeFileSync(join(folder, 'offlineimap'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    return await check()
  }
  t.same(await says('echo 8.0.1; echo more'), { result: 'ok', found: '8.0.1' })
  t.match(await says('echo 7.3.4'), { result: 'warn', found: /^version 7\.3\.4 /, remedy: /install 8\.0\.x / })
  t.match(await says('exit 3'), { result: 'warn', found: /^does not run: / })
})

t.test('tokens of this process are not shown to it', async (t) => {
  process.env.POSTFERRY_ADMIN_TOKEN = 'secret'
  t.teardown(() => {
    delete process.env.POSTFERRY_ADMIN_TOKEN
  })
  writeFileSync(join(folder, 'offlineimap'), '#!/bin/sh\necho 8.0.0$POSTFERRY_ADMIN_TOKEN\n', { mode: 0o755 })
  t.same(await check(), { result: 'ok', found: '8.0.0' })
})
