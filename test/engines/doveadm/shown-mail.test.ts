import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { shownMail } from '../../../src/engines/doveadm/shown-mail.ts'
import { destinationMail } from '../../../src/maildir/listing.ts'
import { OWN } from '../../support/debian.ts'
import { STORAGES } from '../../support/storages.ts'
import { until } from '../../support/until.ts'

const NOBODY = 65_534
const { PATH } = process.env
const HEAD = { '2.3': '', '2.4': 'dovecot_config_version = 2.4.1\ndovecot_storage_version = 2.4.1\n' }

t.test('what Dovecot shows is not waited for any more when the ledger is stopped', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-shown-'))
  t.teardown(() => {
    process.env.PATH = PATH
    rmSync(folder, { recursive: true })
  })
  chmodSync(folder, 0o777)
  const home = join(folder, 'home')
  mkdirSync(home)
  chownSync(home, NOBODY, NOBODY)
  const dovecotConf = join(folder, 'dovecot.conf')
  const [{ storage }] = STORAGES as [(typeof STORAGES)[number]]
  writeFileSync(dovecotConf, `${HEAD[OWN.dovecot]}${storage[OWN.dovecot]({ folder } as never)}\n`)
  const hangs = join(folder, 'hangs')
  const script = `#!/bin/sh\ncase "$*" in *"exec imap"*) : >${hangs}; exec sleep 1000;; esac\nPATH="\${PATH#*:}" doveadm "$@"\n`
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin/doveadm'), script, { mode: 0o755 })
  process.env.PATH = `${join(folder, 'bin')}:${PATH}`
  const mail = shownMail({ dovecotConf, files: destinationMail, directoriesOf: () => new Map() })
  const stop = new AbortController()
  const known = { of: () => new Map(), keep: () => undefined }
  const opening = mail.open(home, known, () => () => null, 'anna@new.example', stop.signal)
  const failed = t.rejects(opening, { message: /ended with null/ })
  await until(async () => existsSync(hangs), 'doveadm hangs')
  stop.abort('stopped')
  await failed
})

t.end()
