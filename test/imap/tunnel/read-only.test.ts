import { finished } from 'node:stream/promises'
import t from 'tap'
import { ReadOnly } from '../../../src/imap/tunnel/read-only.ts'

const READS = [
  'a CAPABILITY\r\nb LOGIN anna {3}\r\npw1\r\nc NAMESPACE\r\n',
  'a LOGIN {9+}\r\nx SELECT \r {3+}\r\nabc\r\nb EXAMINE {5+}\r\nINBOX (CONDSTORE)\r\n',
  'a AUTHENTICATE PLAIN\r\nAGFubmEAcHc=\r\nb UID FETCH 1:* (FLAGS)\r\nc uid search all\r\nd LOGOUT\r\n',
  'b AUTHENTICATE PLAIN AGFubmEAcHc=\r\nc STATUS "a{3}" (MESSAGES)\r\n',
]
const WRITES = [
  'SELECT INBOX',
  'UID STORE 1 FLAGS ()',
  'EXPUNGE',
  'APPEND INBOX {1}',
  'UID COPY 1 x',
  'UID MOVE 1 x',
  'XYZZY',
  '',
]

/** What comes through, in pieces of every size. */
async function passed(sent: string, size: number): Promise<string> {
  let out = ''
  const guard = new ReadOnly({
    isForSource: () => true,
    pass(part) {
      out += part
    },
  })
  const end = finished(guard)
  for (let at = 0; at < sent.length; at += size) guard.write(sent.slice(at, at + size))
  guard.end()
  await end
  return out
}

t.test('what reads passes as it is, however it is cut', async (t) => {
  for (const sent of READS) for (const size of [1, 2, 7, 1_000]) t.equal(await passed(sent, size), sent)
})

t.test('what writes, or is not known, does not', async (t) => {
  const refused = { message: /^not a command that only reads/ }
  for (const command of WRITES) {
    await t.rejects(passed(`a NOOP\r\nb ${command}\r\nc NOOP\r\n`, 5), refused, command)
    await t.rejects(passed(`a EXAMINE {1+}\r\nx\r\nb ${command}\r\n`, 5), refused, `after a literal: ${command}`)
    await t.rejects(passed(`a AUTHENTICATE PLAIN\r\nAGE=\r\nb ${command}\r\n`, 5), refused, `after SASL: ${command}`)
  }
  for (const beginning of ['{20} ', '{20}\t', '"{20}', '"a\\"{20}', 'x{20}']) {
    await t.rejects(passed(`a LIST "" ${beginning}\r\nb DELETE x\r\n`, 5), refused, `after no literal: ${beginning}`)
  }
  const several = { message: 'a literal of several lines' }
  await t.rejects(passed('a NOOP {20+}\r\nb DELETE x\r\n', 5), several, 'a server may know no such literal')
  const answer = { message: 'not an answer of SASL' }
  await t.rejects(passed('a AUTHENTICATE PLAIN\r\nb SELECT INBOX\r\n', 5), answer)
  await t.rejects(passed('x'.repeat(2 * 1024 * 1024), 65_536), { message: 'a line without an end' })
})

t.end()
