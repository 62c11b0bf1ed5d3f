import { chmod, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Ledger } from '../../src/model/ledger.ts'
import { ImapWire } from '../support/imap-wire.ts'
import {
  ANNA,
  CLEAN,
  changeFile,
  copyWithOfflineimap,
  fileOf,
  keptInMemory,
  MESSAGES,
  ordinary,
  summary,
  told,
  verifyCopy,
  withCopy,
} from '../support/ledgers.ts'
import { tamperWith } from '../support/tampering.ts'

/** The UIDs whose content the source was asked for, by the commands that a client has sent. */
function asked(sent: string): number {
  const sets = [...sent.matchAll(/UID FETCH (\S+) \(UID BODY\.PEEK\[\](?!<[1-9])/g)].map(([, set = '']) => set)
  return sets
    .flatMap((set) => set.split(','))
    .map((range) => range.split(':').map(Number))
    .reduce((all, [first = 0, last = first]) => all + last - first + 1, 0)
}

t.test('what was proved and is unchanged is not read again, and the source is only read', async (t) => {
  await using copy = await withCopy()
  const { copying, order, maildir } = copy
  const kept = keptInMemory()
  const look = async () => {
    await using way = await tamperWith(copying.old.port, (said) => said)
    const provider = { ...order.provider, port: way.port }
    const ledger = await verifyCopy(copying, { ...order, provider }, ANNA, kept)
    const verbs = way.sent().match(/^\S+ (?:UID )?[A-Z]+/gm) ?? []
    const unknown = verbs.filter(
      (verb) => !/ (LOGIN|AUTHENTICATE|CAPABILITY|ID|NAMESPACE|ENABLE|LIST|LSUB|EXAMINE|UID FETCH|LOGOUT)$/.test(verb),
    )
    t.strictSame(unknown, [], 'no command that could change the source')
    t.notMatch(way.sent(), /BODY\[|RFC822[^.]/, 'nothing that sets \\Seen')
    return { asked: asked(way.sent()), fetched: ledger.fetched, code: ledger.code }
  }
  t.match(await look(), { asked: MESSAGES, fetched: MESSAGES, code: null })
  t.strictSame(await look(), { asked: 0, fetched: 0, code: null })
  await using old = await ImapWire.open(copying.atSource(...ANNA))
  await old.command('APPEND Sent "01-Feb-2003 04:05:06 +0000" ', ordinary('late'))
  t.strictSame(await look(), { asked: 1, fetched: 1, code: 'differs' })
  await copyWithOfflineimap(copying, order)
  t.strictSame(await look(), { asked: 0, fetched: 0, code: null })
  for (const line of ['DELETE Sent', 'CREATE Sent']) await old.command(line)
  await old.command('APPEND Sent "01-Feb-2003 04:05:06 +0000" ', ordinary('late'))
  await old.command('APPEND Sent ', ordinary('another'))
  t.match(await look(), { asked: 2, fetched: 2, code: 'differs' }, 'another Sent: its UIDs mean other messages')
  t.strictSame(told((await kept.find('1')) as Ledger), ['missing Sent 2 here → nowhere'])
  await changeFile(await fileOf(maildir, '.Drafts', 1), (bytes) => bytes.write('X'))
  t.match(await look(), { asked: 0, fetched: 0 })
  const [changed] = told((await kept.find('1')) as Ledger)
  t.match(changed, /^altered Drafts 1 /, 'a changed file with its old time is seen')
  const file = join(copying.folder, 'metadata/postferry-proofs-1.sqlite')
  t.equal((await stat(file)).uid, copying.new.mailOwner.uid, 'belongs to whom OfflineIMAP runs as')
  const all = MESSAGES - 3 + 2
  await rm(file)
  t.equal((await look()).asked, all, 'lost proofs')
  await writeFile(file, 'no database at all')
  t.equal((await look()).asked, all, 'spoilt proofs')
  t.equal((await look()).asked, 0)
})

t.test('a folder and a message that source does not hand over are named, and everything else is proved', async (t) => {
  await using copy = await withCopy()
  const { copying, order, empty } = copy
  const mail = join(copying.old.home('anna'), 'mail')
  await chmod(join(mail, '.Drafts'), 0)
  const sent = (await readdir(join(mail, '.Sent/cur'))).sort()
  await chmod(join(mail, '.Sent/cur', sent[1] ?? ''), 0)
  const ledger = await verifyCopy(copying, order, ANNA, keptInMemory(), { metadata: empty })
  t.match(told(ledger), [/^folder Drafts unreadable: ./, /^unreadable Sent \d+ .* → unknown$/])
  t.match(summary(ledger), { code: 'differs', faults: 1, proved: MESSAGES - 1 - 4 })
})

t.test('without the source there is no ledger, and what was read until then is not read again', async (t) => {
  await using copy = await withCopy()
  const { copying, order } = copy
  const kept = keptInMemory()
  const refused = verifyCopy(copying, order, ['anna', 'wrong'], kept)
  await t.rejects(refused, { code: 'credential-refused' })
  const stopped = new AbortController()
  const watch = ({ fetched }: { fetched: number }) => fetched === 60 && stopped.abort()
  await t.rejects(verifyCopy(copying, order, ANNA, kept, { watch, signal: stopped.signal }), { name: 'AbortError' })
  const way = await tamperWith(copying.old.port, (said) => said)
  const cut = ({ fetched }: { fetched: number }) => void (fetched === 60 && way[Symbol.asyncDispose]())
  const provider = { ...order.provider, port: way.port }
  const broken = verifyCopy(copying, { ...order, provider }, ANNA, kept, { watch: cut })
  await t.rejects(broken, { code: 'old-unreachable', message: /could not be asked/ })
  await copying.old.stop()
  await t.rejects(verifyCopy(copying, order, ANNA, kept), { code: 'old-unreachable' })
  await copying.old.start()
  const whole = await verifyCopy(copying, order, ANNA, kept)
  t.match(summary(whole), CLEAN)
  t.ok(whole.fetched <= MESSAGES - 60 - 60, `${whole.fetched} were left`)
})
