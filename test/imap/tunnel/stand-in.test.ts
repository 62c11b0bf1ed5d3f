import t from 'tap'
import type { StandingIn } from '../../../src/copying/ports.ts'
import { StandIn } from '../../../src/imap/tunnel/stand-in.ts'

const HEADER = 'Subject: large\r\nMessage-ID: <large@old.example>\r\n\r\n'
const BODY = `${'A'.repeat(76)}\r\n`.repeat(2_000)
const MESSAGE = HEADER + BODY
const MESSAGE_KEY = { mailbox: 'INBOX', uidValidity: 1, uid: 7 }
const BEGIN = '* 3 FETCH (UID 7 FLAGS (\\Seen) BODY[] '
const END = ' INTERNALDATE "01-Mar-2021 10:20:30 +0100")\r\n'

/** What a response becomes whose bytes come in pieces of this size. */
function passed(response: string, size = 10_000, mayGoOn = true) {
  let [kept, isWhole, pauses] = ['', false, 0]
  let name: StandingIn | undefined
  const open = (given: StandingIn) => {
    name = given
    return {
      write(piece: Buffer) {
        kept += piece.toString('latin1')
        return mayGoOn
      },
      end() {
        isWhole = true
      },
      abandon: () => undefined,
    }
  }
  const standIn = new StandIn(
    { fromBytes: 1, open },
    { message: MESSAGE_KEY, onDrain: () => undefined, onFailure: () => undefined },
  )
  const all = Buffer.from(response, 'latin1')
  // Its first line is never cut.
  const cuts = [0, all.indexOf('\n') + 1]
  while ((cuts.at(-1) ?? 0) < all.length) cuts.push((cuts.at(-1) ?? 0) + size)
  const parts = cuts.slice(1).map((to, at) => all.subarray(cuts[at], to))
  const told = Buffer.concat(parts.flatMap((part) => standIn.take(part, () => pauses++))).toString('latin1')
  return { told, kept, isWhole, pauses, name }
}

for (const size of [1_000_000, 10_000, 7]) {
  t.test(`in pieces of ${size}, the message goes aside, and a line of it stands in`, async (t) => {
    const { told, kept, isWhole, name } = passed(`${BEGIN}{${MESSAGE.length}}\r\n${MESSAGE}${END}`, size)
    t.equal(kept, MESSAGE)
    t.ok(isWhole)
    const text = `${HEADER}${name?.token}\r\n`
    t.equal(told, `${BEGIN}{${text.length}}\r\n${text}${END}`)
    t.equal(name?.bytes, text.replaceAll('\r\n', '\n').length)
  })
}

t.test('a header without an end is cut at the end of a line', async (t) => {
  const message = `X-Line: ${'y'.repeat(900)}\r\n`.repeat(200)
  const { told, kept } = passed(`${BEGIN}{${message.length}}\r\n${message}${END}`)
  t.equal(kept, message)
  t.match(told, /\r\nX-Line: y{900}\r\n[0-9a-f]{32}\r\n INTERNALDATE/)
  t.ok(told.length < 70_000)
})

t.test('a message of one line stands as the token alone', async (t) => {
  const message = 'x'.repeat(100_000)
  t.match(
    passed(`${BEGIN}{${message.length}}\r\n${message}${END}`).told,
    /BODY\[\] \{34\}\r\n[0-9a-f]{32}\r\n INTERNALDATE/,
  )
})

t.test('whoever cannot keep up is waited for, but not behind the end', async (t) => {
  const { pauses, told } = passed(`${BEGIN}{${MESSAGE.length}}\r\n${MESSAGE}${END}`, MESSAGE.length / 4, false)
  t.equal(pauses, 3)
  t.ok(told.endsWith(END))
  t.equal(passed(`${BEGIN}{${MESSAGE.length}}\r\n${MESSAGE}${END}`, MESSAGE.length, false).pauses, 0)
})

t.test('while a message is long in coming, a sign of life a minute', async (t) => {
  let now = 0
  const message = { write: () => true, end: () => undefined, abandon: () => undefined }
  const calls = { message: MESSAGE_KEY, onDrain: () => undefined, onFailure: () => undefined }
  const standIn = new StandIn({ fromBytes: 1, open: () => message }, calls, () => now)
  const told = (text: string) => Buffer.concat(standIn.take(Buffer.from(text), () => undefined)).toString()
  t.equal(told(`${BEGIN}{${MESSAGE.length}}\r\n${HEADER}`), '')
  now = 61_000
  t.equal(told('A'), '* OK still coming\r\n')
  t.equal(told('A'), '')
  now = 122_000
  t.equal(told('A'), '* OK still coming\r\n')
  t.match(told(BODY.slice(3) + END), /^\* 3 FETCH /)
})

t.end()
