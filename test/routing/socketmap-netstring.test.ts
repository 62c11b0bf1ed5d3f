import fc from 'fast-check'
import t from 'tap'
import { NetstringReader, NotANetstring, netstring } from '../../src/routing/socketmap-netstring.ts'

/** What is read of bytes that arrive in pieces of these sizes, over and over. */
function read(bytes: Buffer, sizes: readonly number[] = [bytes.length || 1]): string[] {
  const reader = new NetstringReader()
  const texts: string[] = []
  for (let start = 0, at = 0; start < bytes.length; at++) {
    const end = start + (sizes[at % sizes.length] ?? 1)
    texts.push(...reader.push(bytes.subarray(start, end)))
    start = end
  }
  return texts
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })
const text = fc.string({ unit: 'grapheme', maxLength: 60 })

t.test('whatever is written is read, however it arrives', async () => {
  fc.assert(
    fc.property(fc.array(text), sizes, (texts, sizes) => {
      const bytes = Buffer.from(texts.map(netstring).join(''))
      return JSON.stringify(read(bytes, sizes)) === JSON.stringify(texts)
    }),
  )
})

t.test('how bytes are cut into pieces changes nothing, whatever they are', async () => {
  const likely = fc.constantFrom(...Buffer.from('0123459:,a\n\0\xff', 'latin1'))
  const outcome = (bytes: Buffer, sizes?: readonly number[]) => {
    try {
      return JSON.stringify(read(bytes, sizes))
    } catch (error) {
      if (error instanceof NotANetstring) return 'none'
      throw error
    }
  }
  fc.assert(
    fc.property(fc.array(likely, { maxLength: 30 }), sizes, (bytes, sizes) => {
      return outcome(Buffer.from(bytes), sizes) === outcome(Buffer.from(bytes))
    }),
    { numRuns: 2_000 },
  )
})

t.test('what is not complete yet is waited for', async (t) => {
  for (const begun of ['', '0', '12', '5:', '5:abcd', '5:abcde', '4096:']) t.same(read(Buffer.from(begun)), [], begun)
  t.same(read(Buffer.from('0:,3:a,b,1')), ['', 'a,b'])
})

const NONE = { message: 'no netstring' }

t.test('what is none is told at once', async (t) => {
  const wrong = ['a', ':', ' 1:a,', '-1:', '01:a,', '1 :a,', '+1:', '1:ab', '4097:', '99999', '1\n', 'GET / HTTP/1.1']
  for (const bytes of wrong) t.throws(() => read(Buffer.from(bytes)), NONE, bytes)
  t.throws(() => read(Buffer.from('3:abc,x')), NONE, 'also behind one that is right')
})

t.test('the longest one is read', async (t) => {
  const longest = 'é'.repeat(2_048)
  t.same(read(Buffer.from(netstring(longest)), [1_000]), [longest])
  t.throws(() => read(Buffer.from(netstring(`${longest}.`))), NONE)
})
