import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { approvedEndpoints } from '../../src/keys/approved-endpoints.ts'
import type { Endpoint } from '../../src/model/endpoint.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-endpoints-'))
t.after(() => rmSync(folder, { recursive: true }))
const dataDir = join(folder, 'data')
mkdirSync(dataDir)
const COPYING = 4_242
const OLD: Endpoint = {
  host: 'imap.old.example',
  port: 993,
  tls: 'implicit',
  trusts: null,
  outdated: null,
  sieve: null,
}
const ELSEWHERE: Endpoint = {
  host: 'imap.else.example',
  port: 143,
  tls: 'starttls',
  trusts: '/etc/ca.pem',
  outdated: '1.0',
  sieve: 4191,
}

function hostWith(name: string, mode = 0o600) {
  const identityFile = join(folder, name)
  writeFileSync(identityFile, 'the key')
  chmodSync(identityFile, mode)
  const endpoints = approvedEndpoints({ identityFile, dataDir })
  return { identityFile, records: `${identityFile}.endpoints`, endpoints }
}

t.test('the first one stays until another is approved, and lies beside the identity', async (t) => {
  const { records, endpoints } = hostWith('first')
  t.equal(endpoints.approved('old'), null)
  t.equal(endpoints.trust('old', OLD), true)
  t.equal(endpoints.trust('old', ELSEWHERE), false)
  t.same(endpoints.approved('old'), OLD)
  endpoints.approve('old', ELSEWHERE)
  t.same(endpoints.approved('old'), ELSEWHERE)
  t.equal(endpoints.approved('other'), null)
  t.same(readdirSync(records), ['old.json'])
})

t.test('whoever may read the identity may read it, and nobody else', async (t) => {
  const alone = hostWith('alone')
  alone.endpoints.trust('old', OLD)
  const modes = (records: string) => [records, join(records, 'old.json')].map((path) => statSync(path).mode & 0o777)
  t.same(modes(alone.records), [0o700, 0o600])
  const shared = hostWith('shared', 0o644)
  const owner = process.getuid?.() === 0 ? 4_242 : (process.getuid?.() ?? 0)
  if (process.getuid?.() === 0) chownSync(shared.identityFile, owner, owner)
  shared.endpoints.approve('old', OLD)
  t.same(modes(shared.records), [0o750, 0o640])
  t.same(
    [shared.records, join(shared.records, 'old.json')].map((path) => statSync(path).uid),
    [owner, owner],
  )
})

t.test('where the copying user may not write beside the identity, the data directory keeps it', async (t) => {
  const closed = join(folder, 'closed')
  mkdirSync(closed)
  const { identityFile, records, endpoints } = hostWith('closed/identity', 0o640)
  for (const path of [folder, closed]) chmodSync(path, 0o755)
  const copying = process.getuid?.() || COPYING
  if (process.getuid?.() === 0) {
    chownSync(identityFile, 0, copying)
    chownSync(dataDir, copying, copying)
  } else chmodSync(closed, 0o555)
  const kept = join(dataDir, 'identity.endpoints')
  as(copying, () => {
    t.equal(endpoints.trust('old', OLD), true)
    t.equal(endpoints.trust('old', ELSEWHERE), false)
    t.same(endpoints.approved('old'), OLD)
  })
  t.equal(endpoints.keptIn('old'), join(kept, 'old.json'))
  t.same(
    [kept, join(kept, 'old.json')].map((path) => [statSync(path).uid, statSync(path).mode & 0o777]),
    [
      [copying, 0o750],
      [copying, 0o640],
    ],
  )
  chmodSync(closed, 0o755)
  endpoints.approve('old', ELSEWHERE)
  t.equal(endpoints.keptIn('old'), join(records, 'old.json'), 'what lies beside the identity comes first')
  if (process.getuid?.() !== 0) chmodSync(records, 0o555)
  as(copying, () => {
    t.same(endpoints.approved('old'), ELSEWHERE)
    t.throws(() => endpoints.approve('old', OLD), { message: /cannot write .*closed.* \(EACCES\)/ })
  })
  chmodSync(records, 0o755)
})

/** Does it as another user, where this one is root. */
function as(uid: number, work: () => void): void {
  const isRoot = process.getuid?.() === 0
  if (isRoot) process.setegid?.(uid)
  if (isRoot) process.seteuid?.(uid)
  try {
    work()
  } finally {
    if (isRoot) process.seteuid?.(0)
    if (isRoot) process.setegid?.(0)
  }
}

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
  const { records, endpoints } = hostWith('broken')
  endpoints.trust('old', OLD)
  const written = '{"host":"imap.old.example","port":993,"tls":"implicit","trusts":null}'
  writeFileSync(join(records, 'old.json'), written)
  t.same(endpoints.approved('old'), OLD, 'as earlier versions have written it')
  const broken = [written.replace('993', '"993"'), written.replace('}', ',"sieve":"4191"}')]
  for (const text of ['', '{}', 'null', '[', ...broken]) {
    writeFileSync(join(records, 'old.json'), text)
    t.throws(() => endpoints.approved('old'), { message: /old\.json does not hold an endpoint: .*approve old/ }, text)
  }
  endpoints.approve('old', OLD)
  t.same(endpoints.approved('old'), OLD)
  writeFileSync(join(folder, 'blocked.endpoints'), 'no folder')
  const blocked = hostWith('blocked')
  t.throws(() => blocked.endpoints.approve('old', OLD), { message: /cannot write .*ENOTDIR.* provider approve old/ })
  const nowhere = approvedEndpoints({ identityFile: '/nowhere/identity', dataDir: '/nowhere' })
  t.equal(nowhere.approved('old'), null)
  t.throws(() => nowhere.approve('old', OLD), { message: /POSTFERRY_IDENTITY_FILE.*no copying host/ })
})

t.end()
