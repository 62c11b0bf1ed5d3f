import t from 'tap'
import { sentence } from '../../src/ledger/words.ts'
import { type Kind, type LedgerFolder, noCounts } from '../../src/model/ledger.ts'
import { codeOf } from '../../src/model/ledger-code.ts'
import { encodeName } from '../../src/model/mailbox.ts'

function folder(name: string, messages: number, counts: Partial<Record<Kind, number>> = {}): LedgerFolder {
  return {
    ...{ name: encodeName(name), directory: `.${name}`, state: 'there', remark: null, messages, proved: messages },
    ...{ counts: { ...noCounts(), ...counts }, extra: 0, duplicated: 0, uidValidity: 1 },
    ...{ provedUids: '', lostUids: '', acceptedUids: '', acceptedUnlisted: 0 },
  }
}

/** What a ledger says after a job, and at a finish. */
const codes = (...folders: LedgerFolder[]) => [codeOf(folders, 'job'), codeOf(folders, 'finish')]

const BIG = folder('INBOX', 900)

t.test('faults are said before what was removed, and what is lost before everything', async (t) => {
  t.same(codes(BIG), [null, null])
  t.same(codes(folder('INBOX', 10, { missing: 1, removed: 10 })), ['differs', 'differs'])
  t.same(codes(folder('INBOX', 10, { missing: 1, lost: 1 })), ['lost', 'lost'])
  t.same(codes({ ...folder('INBOX', 0), state: 'unreadable' }), ['differs', 'differs'])
})

t.test('a folder that has lost much is not hidden by others', async (t) => {
  t.same(codes(BIG, folder('Sent', 100, { removed: 100 })), ['shrunk', 'shrunk'])
  t.same(codes(BIG, folder('Sent', 100, { removed: 26 })), ['shrunk', 'shrunk'])
  t.same(codes(BIG, folder('Sent', 100, { removed: 25 })), [null, 'shrunk'], 'a finish asks sooner')
  t.same(codes(BIG, folder('Sent', 100, { removed: 15 })), [null, null])
})

t.test('a small folder may be emptied, but not at a finish', async (t) => {
  t.same(codes(BIG, folder('Sent', 4, { removed: 4 })), [null, 'shrunk'])
  t.same(codes(BIG, folder('Sent', 4, { removed: 3, accepted: 1 })), [null, 'shrunk'])
  t.same(codes(BIG, folder('Sent', 4, { removed: 3 })), [null, null])
  t.same(codes(folder('INBOX', 4, { removed: 4 })), ['shrunk', 'shrunk'], 'a whole account may not')
  t.same(codes(BIG, folder('Sent', 4, { accepted: 4 })), [null, null])
})

t.test('a bin may be emptied at any time, as long as it is not most of the mail', async (t) => {
  for (const name of ['Trash', 'INBOX.Junk E-Mail', 'Archive/Gelöschte Elemente', '[Gmail]/Spam']) {
    t.same(codes(BIG, folder(name, 100, { removed: 100 })), [null, null], name)
  }
  t.same(codes(folder('INBOX', 100), folder('Trash', 100, { removed: 100 })), ['shrunk', 'shrunk'])
  t.same(codes(BIG, folder('Trash 2019', 100, { removed: 100 })), ['shrunk', 'shrunk'])
})

t.test('where most was removed is told', async (t) => {
  const folders = [folder('INBOX', 100, { removed: 2 }), folder('Entwürfe', 100, { removed: 100 }), folder('Sent', 5)]
  t.match(sentence({ code: 'shrunk', folders }), /102 were on .* any more \(Entwürfe: 100 of 100, INBOX: 2 of 100\)$/)
})
