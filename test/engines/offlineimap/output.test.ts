import t from 'tap'
import { Output } from '../../../src/engines/offlineimap/output.ts'

t.test('the report is read, and is none of the last lines', async (t) => {
  const output = new Output()
  output.read('first')
  output.read('postferry: {"account":"m-1","complete":true,"reason":null,"folders":2,"messages":6}')
  output.read('postferry: {"account":1}')
  output.read('postferry: {broken')
  t.same(output.report, { account: 'm-1', complete: true, reason: null, folders: 2, messages: 6 })
  t.equal(output.last(), 'first')
})

t.test(
  'what a server or a program repeats is not shown, and what is left out says nothing of the password',
  async (t) => {
    const password = 'a"b\\c d%'
    const plain = Buffer.from(`\0anna\0${password}`).toString('base64')
    const forms = [password, plain, btoa(password), encodeURIComponent(password), JSON.stringify(password), '20240817']
    const output = new Output()
    for (const form of forms) output.read(`before ${form} after`)
    for (const form of forms) t.notOk(output.last().includes(form), form)
    t.match(output.last(), 'before … after')
    const told = (line: string) => {
      const one = new Output()
      one.read(line)
      return one.last()
    }
    // Whose password is a common word could be guessed by where it is missing.
    const answer = 'ERROR: m-17: no sign-in at imap.old.example: LOGIN failed for summer, try again later'
    t.equal(told(answer), 'ERROR: m-17: no … at … LOGIN failed for … try again later')
    t.equal(told('LOGIN anna password'), 'LOGIN … password')
  },
)

t.test('what OfflineIMAP says by itself is shown as it stands', async (t) => {
  const lines = [
    '*** Processing account m-3',
    'Establishing connection to imap.old.example:993 (m-3-old)',
    'Syncing Projekte/Sommer 2024: IMAP -> Maildir',
    'Creating folder .Sent[m-3-new]',
    'Copy message UID 7 (1/5) m-3-old:Sommer 2024 -> m-3-new:.Sommer 2024',
    'Skipping INBOX (not changed)',
    '  File "/usr/lib/python3/dist-packages/offlineimap/accounts.py", line 293, in syncrunner',
    'postferry: m-3 incomplete',
    "*** Finished account 'm-3' in 0:03",
    'OSError: [Errno 28] No space left on device',
  ]
  const output = new Output()
  for (const line of lines) output.read(line)
  t.equal(output.last(), lines.join('\n'))
})

t.test('only the last lines are kept, and the beginning of long ones', async (t) => {
  const output = new Output()
  for (let at = 0; at < 1000; at++) output.read(`Syncing ${at} ${'x'.repeat(5000)}: IMAP -> Maildir`)
  t.equal(output.last().split('\n').length, 20)
  t.ok(output.last().length < 11_000)
  t.match(output.last(), /^Syncing 980 x/)
})
