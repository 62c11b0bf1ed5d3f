import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { compareAccounts } from './compare.ts'
import type { Debian } from './debian.ts'
import { DoveadmCopying } from './doveadm-copying.ts'
import { readBeside } from './fidelity.ts'
import { ImapWire } from './imap-wire.ts'
import { seedMailboxes } from './mailboxes.ts'
import { seed } from './seed.ts'
import type { StorageRow } from './storages.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const

/** A person comes to a new server with this storage, works there, and gets more mail at the old one. */
export async function storageStory(
  t: Test,
  { storage }: StorageRow,
  debian: Debian,
  { isUgly = false } = {},
): Promise<void> {
  await using copying = await DoveadmCopying.start(
    { people: Object.fromEntries([ANNA]) },
    debian,
    storage[debian.dovecot],
  )
  const [old, now] = [copying.atSource(ANNA), copying.onNew(1)]
  if (isUgly) await seedMailboxes(old, { separator: '/', prefix: '' })
  else await seed(copying.old.port, ANNA, 4, ['INBOX', 'Sent', 'Drafts', 'Archive/2019'])
  const messages = isUgly ? 276 : 16
  {
    await using wire = await ImapWire.open(old)
    for (const name of ['INBOX', 'Sent', 'Archive/2019']) await wire.command(`SUBSCRIBE ${name}`)
    await wire.command('SELECT Sent')
    const labels = Array.from({ length: 40 }, (_, at) => `label${at}`)
    await wire.command(`STORE 1 +FLAGS (${labels.join(' ')})`)
  }
  const run = () => copying.run(1, ANNA, { engine: 'auto', isCompared: true })
  t.match(await run(), { outcome: 'complete', messages, output: '', ledger: 'clean' })
  t.notOk(existsSync(join(copying.home(1), '.postferry/mirror/Maildir')), 'the mirror is stored alike')
  t.match(await compareAccounts(old, now), { complete: true, onlyOnNew: [], total: { extra: 0 } })
  t.same(await readBeside(now, 'destination'), await readBeside(old, 'source'), 'keywords and subscriptions')
  t.match(await run(), { outcome: 'complete', messages: 0, ledger: 'clean' })
  {
    await using wire = await ImapWire.open(now)
    await wire.command('SELECT INBOX')
    await wire.command('UID STORE 1 +FLAGS (\\Deleted)')
    await wire.command('UID EXPUNGE 1')
    await wire.command('UID MOVE 2 Sent')
    await wire.command('APPEND INBOX ', Buffer.from('Subject: hers\r\n\r\nhers\r\n'))
  }
  {
    await using wire = await ImapWire.open(old)
    await wire.command('APPEND INBOX ', Buffer.from('Subject: new\r\n\r\nnew\r\n'))
    await wire.command('SELECT Drafts')
    await wire.command('STORE 1 +FLAGS (\\Answered todo)')
  }
  t.match(await copying.run(1, ANNA), { outcome: 'complete', messages: 1 }, 'only what is new comes')
  const worked = { missing: 2, altered: 0, dates: 0, flags: 0, extra: 2 }
  t.match(await compareAccounts(old, now), { total: worked }, 'one is gone, one elsewhere, one is hers')
  rmSync(copying.stateFolder, { recursive: true })
  mkdirSync(copying.stateFolder, { mode: 0o700 })
  const lost = { outcome: 'complete', messages: 1 }
  t.match(await copying.run(1, ANNA), lost, 'without its sync state it finds by content what is here')
  t.match(await copying.run(1, ANNA, { engine: 'offlineimap' }), {
    outcome: 'engine-missing',
    output: /--engine doveadm/,
  })
}
