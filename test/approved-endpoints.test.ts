import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { approvedEndpoints } from '../src/approved-endpoints.ts'
import type { Endpoint } from '../src/model/endpoint.ts'

const folder = mkdtempSync(join(tmpdir(), 'mailferry-endpoints-'))
t.after(() => rmSync(folder, { recursive: true }))
const OLD: Endpoint = { host: 'imap.old.example', port: 993, tls: 'implicit', trusts: null }
const ELSEWHERE: Endpoint = { host: 'imap.else.example', port: 143, tls: 'starttls', trusts: '/etc/ca.pem' }

function hostWith(name: string, mode = 0o600) {
  const identityFile = join(folder, name)
  writeFileSync(identityFile, 'the key')
  chmodSync(identityFile, mode)
  return { identityFile, place: `${identityFile}.endpoints`, endpoints: approvedEndpoints({ identityFile }) }
}

t.test('the first one stays until another is approved, and lies beside the identity', async (t) => {
  const { place, endpoints } = hostWith('first')
  t.equal(endpoints.approved('old'), null)
  t.equal(endpoints.trust('old', OLD), true)
  t.equal(endpoints.trust('old', ELSEWHERE), false)
  t.same(endpoints.approved('old'), OLD)
  endpoints.approve('old', ELSEWHERE)
  t.same(endpoints.approved('old'), ELSEWHERE)
  t.equal(endpoints.approved('other'), null)
  t.same(readdirSync(place), ['old.json'])
})

t.test('whoever may read the identity may read it, and nobody else', async (t) => {
  const alone = hostWith('alone')
  alone.endpoints.trust('old', OLD)
  const modes = (place: string) => [place, join(place, 'old.json')].map((path) => statSync(path).mode & 0o777)
  t.same(modes(alone.place), [0o700, 0o600])
  const shared = hostWith('shared', 0o644)
  const owner = process.getuid?.() === 0 ? 4_242 : (process.getuid?.() ?? 0)
  if (process.getuid?.() === 0) chownSync(shared.identityFile, owner, owner)
  shared.endpoints.approve('old', OLD)
  t.same(modes(shared.place), [0o750, 0o640])
  t.same(
    [shared.place, join(shared.place, 'old.json')].map((path) => statSync(path).uid),
    [owner, owner],
  )
})

t.test('a name out of the database is no path', async (t) => {
  const { endpoints } = hostWith('names')
  for (const name of ['../../escaped', '..', '/etc/x', 'a/b']) {
    endpoints.approve(name, OLD)
    t.same(endpoints.approved(name), OLD, name)
  }
  t.notOk(existsSync(join(folder, '../escaped.json')))
  t.equal(readdirSync(join(folder, 'names.endpoints')).length, 4)
})

t.test('what cannot be read or written is told, and approves nothing', async (t) => {
  const { place, endpoints } = hostWith('broken')
  endpoints.trust('old', OLD)
  for (const text of ['', '{}', 'null', '[', '{"host":"x","port":"993","tls":"implicit","trusts":null}']) {
    writeFileSync(join(place, 'old.json'), text)
    t.throws(() => endpoints.approved('old'), { message: /old\.json does not hold an endpoint: .*approve old/ }, text)
  }
  endpoints.approve('old', OLD)
  t.same(endpoints.approved('old'), OLD)
  writeFileSync(join(folder, 'blocked.endpoints'), 'no folder')
  const blocked = hostWith('blocked')
  t.throws(() => blocked.endpoints.approve('old', OLD), { message: /cannot write .*ENOTDIR.* provider approve old/ })
  const nowhere = approvedEndpoints({ identityFile: '/nowhere/identity' })
  t.equal(nowhere.approved('old'), null)
  t.throws(() => nowhere.approve('old', OLD), { message: /MAILFERRY_IDENTITY_FILE.*no copying host/ })
})

t.end()
