import type { Test } from 'tap'
import { verify } from '../../src/ledger/verify.ts'
import { compareAccounts } from './compare.ts'
import { DoveadmCopying } from './doveadm-copying.ts'
import { readBeside } from './fidelity.ts'
import { comparing, told } from './ledgers.ts'
import type { Naming } from './mailboxes.ts'
import type { OldServer } from './old-servers.ts'
import { PROVIDER } from './provider.ts'
import { seedUgly } from './ugly-mailboxes.ts'

/** There are 43 keywords in the INBOX, and a Maildir holds 26. */
const UNKEPT = 17

export const PERSON = ['anna@old.example', 'secret of anna'] as const

/** What a kind of old server leads to. */
export interface Kind {
  readonly naming: Naming
  /** Message-ID of what Dovecot shows with other bytes than came. */
  readonly altered: string
  /** Its bytes are in the file as they came, NUL and all; only Dovecot shows them otherwise. */
  readonly isExactOnDisk: boolean
  /** Folders that doveadm cannot name, as they are called on the destination, with how many messages they have. */
  readonly unnamed: Readonly<Record<string, number>>
}

/** Ugly mailboxes of an old server, copied by doveadm as far as it can, and then by OfflineIMAP. */
export async function tellOldServer(t: Test, started: Promise<OldServer>, kind: Kind): Promise<void> {
  await using copying = await DoveadmCopying.from(started)
  await seedUgly(copying.atSource(PERSON), kind.naming)
  await t.test('doveadm copies what it can name', (t) => byDoveadm(t, copying, kind))
  await t.test('OfflineIMAP copies the rest', (t) => theRest(t, copying, kind))
}

type Copying = DoveadmCopying<OldServer>

async function byDoveadm(t: Test, copying: Copying, { altered, isExactOnDisk, unnamed }: Kind): Promise<void> {
  const names = Object.keys(unnamed)
  const { outcome, output = '' } = await copying.run(1, PERSON)
  t.equal(outcome, 'complete', output)
  t.match(output, names.length === 0 ? /^$/ : /^doveadm cannot copy .*: exclude them, or take --engine offlineimap$/)
  const { folders, total, onlyOnNew } = await compareAccounts(copying.atSource(PERSON), copying.onNew(1))
  t.match(total, { altered: 1, dates: 0, flags: 0, extra: 0 })
  t.same(onlyOnNew, [])
  const missing = folders.filter((folder) => folder.missing > 0)
  t.same(Object.fromEntries(missing.map((folder) => [folder.new, folder.missing])), unnamed)
  t.same(
    folders.filter(({ there }) => !there).map((folder) => folder.new),
    names,
  )
  const remarks = folders.flatMap((folder) => (folder.there ? folder.remarks : []))
  t.match(remarks, [RegExp(`is altered: ${altered}$`)])
  const [atSource, here] = [await beside(copying, 'source', names), await beside(copying, 'destination', names)]
  t.same(here.subscriptions, atSource.subscriptions)
  const ledger = await ledgerOf(copying)
  const unkept = ledger.filter((line) => line.startsWith('unkept INBOX '))
  t.ok(unkept.length >= UNKEPT, `the ledger names ${unkept.length} messages whose keywords only Dovecot's index has`)
  const lacking = difference(atSource.keywords, here.keywords)
  t.equal(lacking.length, 1, 'Dovecot shows all, but of the altered message')
  t.equal(
    ledger.filter((line) => line.startsWith('altered INBOX ')).length,
    isExactOnDisk ? 0 : 1,
    'the ledger names it',
  )
  t.equal(ledger.filter((line) => line.startsWith('folder ')).length, names.length, 'and what is not here')
}

/** A migration may change its engine: what doveadm could not name comes with the next attempt. */
async function theRest(t: Test, copying: Copying, { unnamed }: Kind): Promise<void> {
  const messages = Object.values(unnamed).reduce((sum, one) => sum + one, 0)
  if (messages === 0) return
  t.match(await copying.run(1, PERSON, { engine: 'offlineimap' }), { outcome: 'complete', messages })
  const { total, onlyOnNew } = await compareAccounts(copying.atSource(PERSON), copying.onNew(1))
  t.match(total, { missing: 0, altered: 1, dates: 0, flags: 0, extra: 0 })
  t.same(onlyOnNew, [])
}

async function beside(copying: Copying, side: 'source' | 'destination', names: readonly string[]) {
  const account = side === 'source' ? copying.atSource(PERSON) : copying.onNew(1)
  const { keywords, subscriptions } = await readBeside(account, side)
  const isNamed = (line: string) => !names.some((name) => line === name || line.startsWith(`${name} `))
  return { keywords: keywords.filter(isNamed), subscriptions: subscriptions.filter(isNamed) }
}

function difference(one: readonly string[], other: readonly string[]): string[] {
  return one.filter((line) => !other.includes(line))
}

async function ledgerOf(copying: Copying): Promise<string[]> {
  const [username, password] = PERSON
  const provider = { ...PROVIDER, port: copying.old.port }
  const whose = { migrationId: '1', home: copying.home(1), provider, username, password }
  return told(await verify(whose, comparing(copying.stateFolder)))
}
