import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseAddress } from '../../src/model/address.ts'
import { expandHome, flawOfHomeTemplate } from '../../src/model/home.ts'

const address = (text: string) => {
  const parsed = parseAddress(text)
  if (parsed === null) throw new Error(text)
  return parsed
}

t.test('every address has a home that can be made, and no two have the same', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const domain = `${'d'.repeat(63)}.${'e'.repeat(63)}.${'f'.repeat(63)}.${'g'.repeat(57)}.xx`
  const locals = ['anna', 'a'.repeat(64), '𐐨'.repeat(64), `${'𐐨'.repeat(63)}x`, `${'𐐨'.repeat(63)}y`]
  const people = locals.flatMap((local) => [address(`${local}@old.example`), address(`${local}@${domain}`)])
  for (const template of ['/%d/%n', '/%u', '/mail-%u-of/%d', '/%d/x%nx']) {
    const homes = people.map((person) => expandHome(`${folder}${template}`, person))
    t.equal(new Set(homes).size, people.length, template)
    for (const home of homes) mkdirSync(home, { recursive: true })
  }
  t.equal(expandHome('/var/vmail/%d/%n', address('anna@old.example')), '/var/vmail/old.example/anna')
})

t.test('what tells nobody apart is no template', async (t) => {
  for (const template of ['/var/vmail/%n%d', '/%u%n', '/%d%n/x']) {
    t.equal(flawOfHomeTemplate(template), 'must have something between two of %d, %n and %u')
  }
  for (const template of ['/var/vmail/%d/%n', '/%u', '/%n@%d']) t.equal(flawOfHomeTemplate(template), null)
})

t.end()
