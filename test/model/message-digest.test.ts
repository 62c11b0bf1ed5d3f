import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { Digesting } from '../../src/model/message-digest.ts'

function digestOf(...pieces: string[]) {
  const digesting = new Digesting()
  for (const piece of pieces) digesting.add(Buffer.from(piece, 'latin1'))
  return digesting.result()
}

const text = fc.string({ unit: fc.constantFrom('\r', '\n', '\r\n', 'a', '\0', '\xff'), maxLength: 30 })

t.test('a digest is that of the message with LF for every CR LF, however it comes in pieces', async () => {
  fc.assert(
    fc.property(fc.array(text), (pieces) => {
      const stored = Buffer.from(pieces.join('').replaceAll('\r\n', '\n'), 'latin1')
      const { digest, length } = digestOf(...pieces)
      return digest === createHash('sha256').update(stored).digest('base64url') && length === stored.length
    }),
  )
})

t.test('the Message-ID is found in the header only, folded too, and is safe to show', async (t) => {
  t.equal(digestOf('Subject: x\r\nMESSAGE-ID:\r\n <a@b> \r\n\r\nMessage-ID: <c@d>').messageId, '<a@b>')
  t.equal(digestOf('Subject: x\n\nMessage-ID: <c@d>').messageId, '')
  t.equal(digestOf('Message-ID: <\0\x1b[31m\xff>\n\n').messageId, '<??[31m?>')
  t.equal(digestOf(`Message-ID: ${'x'.repeat(5000)}\n\n`).messageId.length, 250)
})
