import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { DoveadmDeps } from '../../../src/engines/doveadm/engine.ts'
import { flipping } from '../../../src/engines/doveadm/flip.ts'
import { NotFlipped } from '../../../src/model/not-flipped.ts'
import { OWN } from '../../support/debian.ts'
import { PROVIDER } from '../../support/provider.ts'
import { STORAGES } from '../../support/storages.ts'

const HEAD = { '2.3': '', '2.4': 'dovecot_config_version = 2.4.1\ndovecot_storage_version = 2.4.1\n' }

t.test('nobody is flipped or led back where mail is no plain Maildir in the home', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'postferry-flip-'))
  t.teardown(() => rmSync(home, { recursive: true }))
  const order = { id: '1', home, provider: PROVIDER }
  const credential = { username: 'anna', password: 'a password' }
  const { signal } = new AbortController()
  for (const [number, { name, storage }] of STORAGES.entries()) {
    const dovecotConf = join(home, `${number}.conf`)
    const of = storage[OWN.dovecot]({ folder: home } as never)
    writeFileSync(dovecotConf, `${HEAD[OWN.dovecot]}${of}\n`)
    // It looks at nothing else before.
    const way = flipping({ dovecotConf } as DoveadmDeps)
    const wanted = { constructor: NotFlipped, message: /no Maildir in the home/ }
    await t.rejects(way.openFlip(order, credential as never, signal), wanted, name)
    await t.rejects(way.openReturn(order, credential as never, signal), wanted, name)
    await t.rejects(way.leave(order, credential as never, true, signal), wanted, name)
    await t.rejects(way.mergeBefore(order, signal), wanted, name)
  }
})

t.end()
