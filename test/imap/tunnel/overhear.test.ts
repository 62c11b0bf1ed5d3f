import t from 'tap'
import type { PassedBody } from '../../../src/copying/ports.ts'
import { Overhear } from '../../../src/imap/tunnel/overhear.ts'
import { Digesting } from '../../../src/model/message-digest.ts'

const ONE = 'Message-ID: <1@x>\r\n\r\nbody {7}\r\nUID 9\r\n'
const TWO = 'Subject: * 3 FETCH (UID 8 BODY[] {2}\r\n\r\n\0\r'
const literal = (text: string) => `{${Buffer.byteLength(text, 'latin1')}}\r\n${text}`

/** What is overheard of these answers to these commands, in pieces of a size. */
function overheard(commands: string[], answers: string, size = 1_000): PassedBody[] {
  const found: PassedBody[] = []
  const overhear = new Overhear({ onBody: (body) => found.push(body) })
  for (const command of commands) overhear.asked(command)
  const bytes = Buffer.from(answers, 'latin1')
  for (let at = 0; at < bytes.length; at += size) overhear.hear(bytes.subarray(at, at + size))
  t.ok(bytes.equals(Buffer.from(answers, 'latin1')), 'nothing is changed')
  return found
}

function body(mailbox: string, uidValidity: number, uid: number, text: string): PassedBody {
  const digesting = new Digesting()
  digesting.add(Buffer.from(text, 'latin1'))
  return { mailbox, uidValidity, uid, size: text.length, ...digesting.result() }
}

t.test('messages are digested by mailbox and UID, however they are cut, and wherever the UID stands', async (t) => {
  const commands = ['a EXAMINE inbox', 'b EXAMINE "a \\"b\\\\ &-" (CONDSTORE)']
  const answers = [
    '* STATUS x (UIDVALIDITY 99)\r\n* OK [UIDVALIDITY 7] fine\r\na OK done\r\n',
    `* 1 FETCH (UID 5 FLAGS (\\Seen "UID 1") BODY[] ${literal(ONE)})\r\n`,
    `* 2 FETCH (BODY[] ${literal(TWO)} UID 6)\r\n`,
    `* 3 FETCH (UID 7 BODY[] ${literal(ONE)} X-LABELS (${literal('not of it')}))\r\n`,
    `* 2 FETCH (UID 6 BODY[HEADER.FIELDS (DATE)] ${literal('Date: x\r\n')})\r\n`,
    '* OK [CLOSED]\r\n* OK [UIDVALIDITY 8] fine\r\nb OK done\r\n',
    `* 1 FETCH (UID 5 BODY[] ${literal(TWO)})\r\n`,
  ].join('')
  const expected = [
    body('INBOX', 7, 5, ONE),
    body('INBOX', 7, 6, TWO),
    body('INBOX', 7, 7, ONE),
    body('a "b\\ &-', 8, 5, TWO),
  ]
  for (const size of [1, 2, 7, 1_000]) t.same(overheard(commands, answers, size), expected)
})

t.test('what does not say whose it is, is left out', async (t) => {
  const message = `* 1 FETCH (UID 5 BODY[] ${literal(ONE)})\r\n`
  t.same(overheard([], `* OK [UIDVALIDITY 7] fine\r\n${message}`), [], 'no mailbox is open')
  t.same(overheard(['a EXAMINE x'], `* OK [UIDVALIDITY 7] fine\r\na NO none\r\n${message}`), [], 'refused')
  t.same(overheard(['a EXAMINE x'], `a OK done\r\n${message}`), [], 'without UIDVALIDITY')
  const named = ['a EXAMINE x', 'b EXAMINE {1}']
  const both = '* OK [UIDVALIDITY 7] fine\r\na OK done\r\n* OK [UIDVALIDITY 8] fine\r\nb OK done\r\n'
  t.same(overheard(named, both + message), [], 'a name that comes as a literal')
  t.same(overheard(['a EXAMINE x'], `* OK [UIDVALIDITY 7] fine\r\na OK done\r\n* 1 FETCH (BODY[] {0}\r\n)\r\n`), [])
})
t.test('a large message is named when it begins, if its response says by then which it is', async (t) => {
  const large: unknown[] = []
  const overhear = new Overhear({ onKind: (_, __, message) => message && large.push(message) }, 10)
  overhear.asked('a EXAMINE inbox')
  const answers = [
    '* OK [UIDVALIDITY 7] fine\r\na OK done\r\n',
    `* 1 FETCH (UID 5 FLAGS (a[b) BODY[] ${literal(ONE)})\r\n`,
    `* 2 FETCH (BODY[] ${literal(ONE)} UID 6)\r\n`,
    `* 3 FETCH (UID 7 BODY[] ${literal('small')})\r\n`,
    `* 4 FETCH (UID 8 BODY[] ${literal(ONE)})\r\n`,
  ]
  for (const answer of answers) overhear.hear(Buffer.from(answer))
  t.same(large, [
    { mailbox: 'INBOX', uidValidity: 7, uid: 5 },
    { mailbox: 'INBOX', uidValidity: 7, uid: 8 },
  ])
})
