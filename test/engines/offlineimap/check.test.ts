import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { check } from '../../../src/engines/offlineimap/check.ts'

const folder = t.testdir({})
const { PATH } = process.env
const banner = (version: string) => `echo OfflineIMAP ${version}; echo; echo imaplib2 v3.05, Python v3.11.2, OpenSSL`
const checkIt = () =>
  check(async function* (metadata) {
    yield `metadata = ${metadata}\n`
  })
t.teardown(() => {
  process.env.PATH = PATH
})

t.test('doctor hears whether the OfflineIMAP that the pythonfile repairs is on this host', async (t) => {
  process.env.PATH = folder
  t.match(await checkIt(), { result: 'warn', found: 'not here', remedy: /apt-get install offlineimap3/ })
  const says = async (script: string) => {
    writeFileSync(join(folder, 'offlineimap'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    return await checkIt()
  }
  const known = { result: 'ok', found: '8.0.1 (imaplib2 v3.05, Python v3.11.2)' }
  t.same(await says(banner('8.0.1')), known)
  t.same(
    await says(`[ "$1 $2 $3" = '-1 -o -c' ] && read line <"$4" && [ "$line" ] || exit 1; ${banner('8.0.1')}`),
    known,
  )
  const refusal = `${banner('7.3.4')}; echo 'postferry: the repairs are not for it' >&2; exit 78`
  t.match(await says(refusal), { result: 'fail', found: 'the repairs are not for it', remedy: /Debian 12 or 13/ })
  t.match(await says('exit 3'), { result: 'fail', found: /^does not run: / })
})

t.test('tokens of this process are not shown to it', async (t) => {
  process.env.POSTFERRY_ADMIN_TOKEN = 'secret'
  t.teardown(() => {
    delete process.env.POSTFERRY_ADMIN_TOKEN
  })
  writeFileSync(
    join(folder, 'offlineimap'),
    `#!/bin/sh\n[ -z "$POSTFERRY_ADMIN_TOKEN" ] || exit 1\n${banner('8.0.0')}\n`,
    { mode: 0o755 },
  )
  t.match(await checkIt(), { result: 'ok', found: /^8\.0\.0 / })
})
