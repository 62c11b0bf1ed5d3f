import t from 'tap'
import { lateAt } from '../../../src/engines/doveadm/late.ts'
import type { Here, Known } from '../../../src/engines/doveadm/return-plan.ts'

const messages = (uids: readonly number[]) => new Map(uids.map((uid) => [uid, '\\Seen']))
const here = (uidValidity: number, ...uids: number[]): Here => ({ uidValidity, uidNext: 9, messages: messages(uids) })
const known = (number: number, ...uids: number[]): Known => ({
  // A folder that was made here has another number there.
  ...{ uidValidity: number + 100, here: number, uidNext: 9, modseq: '7', messages: messages(uids) },
})
const names = new Map([
  ['INBOX', 'INBOX'],
  ['Archive', 'INBOX.Archive'],
])
const late = (folders: Record<string, Here>, source: Record<string, Known>) =>
  lateAt(new Map(Object.entries(folders)), names, new Map(Object.entries(source))).map(
    ({ title, name, uid }) => `${title} ${uid} → ${name}`,
  )

t.test('what the source was not brought follows', async (t) => {
  const source = { INBOX: known(1, 1, 2), 'INBOX.Archive': known(2, 5) }
  t.same(late({ INBOX: here(1, 1, 2), Archive: here(2, 5) }, source), [])
  t.same(late({ INBOX: here(1, 2, 3), Archive: here(2, 5, 6) }, source), [
    'INBOX 3 → INBOX',
    'Archive 6 → INBOX.Archive',
  ])
})

t.test('of a folder that the source has no more, or under another name, only what is new', async (t) => {
  const source = { INBOX: known(1, 1), 'INBOX.Gone': known(3, 1, 2, 3) }
  t.same(late({ INBOX: here(1, 1), Gone: here(3, 1, 2, 3, 4) }, source), ['Gone 4 → INBOX'])
  const twins = { INBOX: known(1, 1), 'INBOX.One': known(3, 1), 'INBOX.Two': known(3, 4, 5) }
  t.same(late({ Two: here(3, 4, 5, 6) }, twins), ['Two 6 → INBOX'], 'the one that has most of it')
  t.same(late({ New: here(8, 1) }, source), ['New 1 → INBOX'], 'a folder that nobody knows')
})

t.test('of a mailbox that Dovecot has made anew since, all is late', async (t) => {
  const source = { INBOX: known(1, 1, 2), 'INBOX.Archive': known(2, 1) }
  t.same(late({ INBOX: here(7, 1), Archive: here(8, 1) }, source), ['INBOX 1 → INBOX', 'Archive 1 → INBOX.Archive'])
})

t.end()
