import fc from 'fast-check'
import t from 'tap'
import { inDomain, parseAddress } from '../../src/model/address.ts'

const ACCEPTED: Record<string, string> = {
  'Anna@Old.Example': 'anna@old.example',
  'anna@old.example.': 'anna@old.example',
  "o'neil+tag_x=#&~!@x.example": "o'neil+tag_x=#&~!@x.example",
  'JÜRGEN@BÜCHER.example': 'jürgen@xn--bcher-kva.example',
  'A\u0308@x': 'ä@x',
  'a@faß.example': 'a@xn--fa-hia.example',
  [`${'a'.repeat(64)}@x`]: `${'a'.repeat(64)}@x`,
}

const REFUSED = [
  '',
  'anna',
  '@x',
  'anna@',
  'a@b@c',
  '.a@x',
  'a.@x',
  'a..b@x',
  'a b@x',
  'a\n@x',
  'a\0@x',
  '"a"@x',
  'a%b@x',
  'a$b@x',
  'a/b@x',
  '../a@x',
  'a*@x',
  'a\\b@x',
  'a\u200bb@x',
  'a\u202eb@x',
  'a\u034fb@x',
  'a\ufe0f@x',
  '\u3164@x',
  '\u0301@x',
  'a@exam\ufe0fple',
  '\ud800@x',
  'a@x y',
  'a@x_y',
  'a@-x',
  'a@x..y',
  'a@ex\u00adample',
  'a@127.0.0.1',
  'a@1.2',
  'a@[::1]',
  `${'a'.repeat(65)}@x`,
  `a@${'x'.repeat(64)}`,
  `a@${'x.'.repeat(127)}xx`,
  'a'.repeat(100_000),
]

t.test('an address has one canonical form', async (t) => {
  for (const [typed, canonical] of Object.entries(ACCEPTED)) t.equal(parseAddress(typed)?.text, canonical, typed)
})

t.test('what can be nobody’s address is refused', async (t) => {
  for (const typed of REFUSED) t.equal(parseAddress(typed), null, JSON.stringify(typed.slice(0, 40)))
})

t.test('whatever is typed, the canonical form is stable, safe in a path and the same for case variants', async () => {
  const letters = fc.string({ unit: fc.constantFrom(..."aZ9äÖß.+-_=#'&~!@% /\\\u0130\u0308\u200b\n"), maxLength: 20 })
  fc.assert(
    fc.property(letters, letters, (local, domain) => {
      const parsed = parseAddress(`${local}@${domain}`)
      if (parsed === null) return true
      const again = parseAddress(parsed.text)
      return (
        again?.text === parsed.text &&
        (!isAscii(parsed.text) || parseAddress(parsed.text.toUpperCase())?.text === parsed.text) &&
        !/[/\\\s%@]|^\.|\.\./.test(parsed.local) &&
        /^[a-z0-9.-]+$/.test(parsed.domain)
      )
    }),
    { numRuns: 5_000 },
  )
})

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

t.test('a person keeps the local part in a renamed domain', async (t) => {
  const anna = parseAddress('anna@old.example')
  t.equal(anna && inDomain(anna, 'new.example').text, 'anna@new.example')
})
