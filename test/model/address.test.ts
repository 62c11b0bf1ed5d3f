import fc from 'fast-check'
import t from 'tap'
import { inDomain, parseAddress, parseDomain, withoutDetail } from '../../src/model/address.ts'

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

t.test('a capital sigma at the end of a name is the letter that people write there', async (t) => {
  for (const typed of ['ΝΙΚΟΣ@old.example', 'Νικος@old.example']) {
    t.equal(parseAddress(typed)?.text, 'νικος@old.example')
  }
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

function escaped(text: string): string {
  return [...text].map((character) => character.codePointAt(0)?.toString(16)).join(' ')
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

t.test(
  'all spellings of a person are one: case, composition, the dot at the end, either form of the domain',
  async () => {
    const local = fc.stringMatching(/^[a-zäöüßéñø0-9](?:[.+_-]?[a-zäöüéñø0-9]){0,20}$/)
    const label = fc
      .stringMatching(/^[a-zäöüé](?:[a-z0-9äöüé-]{0,8}[a-zäöüé0-9])?$/)
      .filter((text) => !/^..--/.test(text))
    fc.assert(
      fc.property(local, fc.array(label, { minLength: 1, maxLength: 3 }), (person, labels) => {
        const typed = `${person}@${labels.join('.')}`
        const one = parseAddress(typed)
        if (one === null) return false
        const upper = person.includes('ß') ? typed : typed.toUpperCase()
        const spellings = [
          upper,
          typed.normalize('NFD'),
          `${typed}.`,
          one.text,
          `${one.local.toUpperCase()}@${one.domain}`,
        ]
        return spellings.every((spelling) => spelling.includes('SS') || parseAddress(spelling)?.text === one.text)
      }),
      { numRuns: 3_000 },
    )
  },
)

t.test('no invisible, controlling, turning or path-making character passes anywhere', async (t) => {
  const evil = ['\0', '\t', '\r', '\n', '\x7f', '\u0085', '\u00a0', '\u00ad', '\u061c', '\u200b', '\u200d', '\u200e']
  evil.push(
    '\u2028',
    '\u202a',
    '\u202e',
    '\u2060',
    '\u2066',
    '\u2069',
    '\u3000',
    '\ufeff',
    '\ufe0f',
    '\u{e0041}',
    '\ud800',
  )
  evil.push('/', '\\', '%', '$', '*', '"', "\u2215'/", ' ', '(', ')', '<', '>', ',', ';', ':', '[', ']', '|', '`')
  for (const character of evil) {
    for (const typed of [`an${character}na@x.example`, `${character}anna@x.example`, `anna@x${character}.example`]) {
      t.equal(parseAddress(typed), null, escaped(typed))
    }
    t.equal(parseDomain(`x${character}.example`), null, escaped(character))
  }
})

t.test('a sub-address is the person’s before the delimiter, where there is one', async (t) => {
  const detailed = (typed: string, delimiter: string) => {
    const address = parseAddress(typed)
    return address && withoutDetail(address, delimiter).text
  }
  t.equal(detailed('anna+shop@x.example', '+'), 'anna@x.example')
  t.equal(detailed('anna+shop+more@x.example', '+'), 'anna@x.example')
  t.equal(detailed('anna+shop@x.example', ''), 'anna+shop@x.example')
  t.equal(detailed('anna+shop@x.example', '-'), 'anna+shop@x.example')
  t.equal(detailed('+anna@x.example', '+'), '+anna@x.example', 'there has to be a person')
  t.equal(detailed('anna@x.example', '+'), 'anna@x.example')
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9+]{1,12}$/), (local) => {
      const person = parseAddress(`${local}@x.example`)
      if (person === null) return false
      const base = withoutDetail(person, '+')
      return withoutDetail(base, '+').text === base.text && parseAddress(base.text)?.text === base.text
    }),
  )
})

t.test('a person keeps the local part in a renamed domain', async (t) => {
  const anna = parseAddress('anna@old.example')
  t.equal(anna && inDomain(anna, 'new.example').text, 'anna@new.example')
})
