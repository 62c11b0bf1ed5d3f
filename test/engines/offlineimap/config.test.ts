import fc from 'fast-check'
import t from 'tap'
import { offlineimaprc } from '../../../src/engines/offlineimap/config.ts'
import type { CopyOrder } from '../../../src/model/migration.ts'
import type { Provider } from '../../../src/model/provider.ts'
import { USUAL_FOLDERS } from '../../../src/model/usual-folders.ts'
import { PROVIDER } from '../../support/provider.ts'
import { askPython } from '../../support/python.ts'

const SETTINGS = {
  pythonFile: '/opt/postferry/dist/engines/offlineimap/python/postferry.py',
  metadata: '/var/lib/postferry/sync',
  credentials: '/opt/postferry/bin/postferry',
}

async function emit(orders: CopyOrder[], settings = SETTINGS): Promise<string> {
  const ids = orders.map(({ id }) => id)
  return (await Array.fromAsync(offlineimaprc({ ids, orders }, settings))).join('')
}

function order(id: number, provider: Partial<Provider> = {}, home = `/srv/mail/${id}`): CopyOrder {
  return { id: String(id), home, provider: { ...PROVIDER, ...provider } }
}

type Sections = Record<string, Record<string, string>>

/** What Python's ConfigParser, which OfflineIMAP is built on, reads out of each text. */
function parse(texts: string[]): Promise<Sections[]> {
  const code = `
import configparser, json, sys
def parsed(text):
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}
print(json.dumps([parsed(text) for text in json.load(sys.stdin)]))`
  return askPython(code, texts)
}

t.test('one account is two repositories: the source is only read, the destination never shrinks', async (t) => {
  const [sections] = await parse([await emit([order(17, { port: 993, tls: 'implicit' })])])
  t.strictSame(sections, {
    general: {
      ui: 'basic',
      accounts: 'm-17',
      metadata: SETTINGS.metadata,
      pythonfile: SETTINGS.pythonFile,
      socktimeout: '60',
      postferry_usual: JSON.stringify(USUAL_FOLDERS),
      postferry_command: JSON.stringify(SETTINGS.credentials),
    },
    'Account m-17': { localrepository: 'm-17-new', remoterepository: 'm-17-old' },
    'Repository m-17-new': { type: 'Maildir', localfolders: '"/srv/mail/17/Maildir"' },
    'Repository m-17-old': {
      type: 'IMAP',
      remotehost: 'localhost',
      remoteport: '993',
      maxconnections: '1',
      ssl: 'yes',
      starttls: 'no',
      sslcacertfile: 'OS-DEFAULT',
      ssl_version: 'tls1_2',
      remoteusereval: 'get_user("m-17")',
      remotepasseval: 'get_password("m-17")',
      readonly: 'yes',
      sync_deletes: 'no',
      folderfilter: 'folder_filter("m-17")',
      nametrans: 'folder_name("m-17")',
      postferry_include: '[]',
      postferry_exclude: '[]',
    },
  })
})

t.test('what is to be kept free is said once, for all accounts', async (t) => {
  const keptFree = { percent: 5, bytes: 2 ** 31, folders: ['/var/lib/postferry', '/var/lib/100%'] }
  const text = await Array.fromAsync(offlineimaprc({ ids: [], orders: [] }, { ...SETTINGS, keptFree }))
  const [sections] = await parse([text.join('')])
  t.same(JSON.parse(sections?.general?.postferry_keep_free ?? ''), keptFree)
})

t.test('TLS is said in so many words', async (t) => {
  const tls = async (provider: Partial<Provider>) => {
    const [sections] = await parse([await emit([order(1, provider)])])
    const { ssl, starttls, sslcacertfile, cert_fingerprint } = sections?.['Repository m-1-old'] ?? {}
    return [ssl, starttls, sslcacertfile, cert_fingerprint]
  }
  const caFile = '/etc/ssl/%s ca ü$X.pem'
  const fingerprint = '0123456789abcdef'.repeat(4)
  t.strictSame(await tls({ tls: 'none', caFile, fingerprint }), ['no', 'no', undefined, undefined])
  t.strictSame(await tls({ tls: 'implicit', caFile }), ['yes', 'no', caFile, undefined])
  t.strictSame(await tls({ tls: 'starttls' }), ['no', 'yes', 'OS-DEFAULT', undefined])
  t.strictSame(await tls({ tls: 'starttls', caFile, fingerprint }), ['no', 'yes', undefined, fingerprint])
  const oldest = async (provider: Partial<Provider>) => {
    const [sections] = await parse([await emit([order(1, provider)])])
    return sections?.['Repository m-1-old']?.ssl_version
  }
  t.equal(await oldest({ tls: 'starttls', tlsMin: '1.0' }), 'tls1')
  t.equal(await oldest({ tls: 'none', tlsMin: '1.0' }), undefined)
})

t.test('without orders it is a whole file', async (t) => {
  const [sections] = await parse([await emit([])])
  t.strictSame(Object.keys(sections ?? {}), ['general', 'Account all'])
})

t.test('all accounts are listed, in the given order, and the same orders give the same text', async (t) => {
  const orders = [1, 2, 30].map((id) => order(id))
  const text = await emit(orders)
  t.equal(await emit(orders), text)
  const [sections] = await parse([text])
  t.equal(sections?.general?.accounts, 'm-1,m-2,m-30')
  async function* later() {
    yield* orders
  }
  async function* ids() {
    for (const { id } of orders) yield id
  }
  const streamed = await Array.fromAsync(offlineimaprc({ ids: ids(), orders: later() }, SETTINGS))
  t.equal(streamed.join(''), text)
})

/** Characters that mean something to somebody on the way, and any others. */
const nastyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      ...'\n\r\t\0\u0085\u2028\u001c%$~#;:="\'()[]{}\\/, \ud800\ufeff',
      '%(x)s',
      '$HOME',
      '\n[general]\n',
      '__import__("os")',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
})
const nastyProvider = fc.record<Partial<Provider>>({
  name: nastyText,
  host: fc.oneof({ weight: 9, arbitrary: fc.constant('localhost') }, nastyText),
  port: fc.oneof({ weight: 9, arbitrary: fc.constant(993) }, fc.double(), fc.integer()),
  tls: fc.constantFrom('implicit', 'starttls', 'none'),
  caFile: fc.oneof(
    fc.constant(null),
    nastyText,
    nastyText.map((text) => `/${text}`),
  ),
  fingerprint: fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, nastyText),
  include: fc.array(nastyText),
  exclude: fc.array(nastyText),
})

t.test('whatever a provider or a home holds is carried exactly or refused, and changes nothing else', async (t) => {
  const samples = fc.sample(fc.tuple(nastyProvider, nastyText), { numRuns: 2000, seed: 7 })
  const accepted: { sample: (typeof samples)[number]; text: string }[] = []
  for (const sample of samples) {
    const [provider, home] = sample
    try {
      accepted.push({ sample, text: await emit([order(1, provider, `/${home}`)]) })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  t.ok(accepted.length > 500, `${accepted.length} of ${samples.length}`)
  const parsed = await parse(accepted.map(({ text }) => text))
  const [plain] = await parse([await emit([order(1)])])
  for (const [at, { sample, text }] of accepted.entries()) {
    const sections = parsed[at] ?? {}
    const [provider, home] = sample
    const old = sections['Repository m-1-old'] ?? {}
    const found = {
      names: Object.keys(sections),
      general: sections.general,
      home: JSON.parse(sections['Repository m-1-new']?.localfolders ?? ''),
      include: JSON.parse(old.postferry_include ?? ''),
      exclude: JSON.parse(old.postferry_exclude ?? ''),
      caFile: provider.tls === 'none' || provider.fingerprint || provider.caFile === null ? null : old.sslcacertfile,
      evaluated: [old.remoteusereval, old.remotepasseval, old.folderfilter, old.nametrans],
      lines: text.split(/[\n\r]/).length,
    }
    const trusted = provider.tls === 'none' ? 0 : 2
    const expected = {
      names: Object.keys(plain ?? {}),
      general: plain?.general,
      home: `/${home}/Maildir`,
      include: provider.include,
      exclude: provider.exclude,
      caFile: provider.tls === 'none' || provider.fingerprint ? null : (provider.caFile ?? null),
      evaluated: ['get_user("m-1")', 'get_password("m-1")', 'folder_filter("m-1")', 'folder_name("m-1")'],
      lines: (await emit([order(1)])).split('\n').length + trusted,
    }
    if (JSON.stringify(found) !== JSON.stringify(expected)) return t.strictSame(found, expected)
  }
})

t.test('what no file can carry is refused by name', async (t) => {
  const refused = async (provider: Partial<Provider>, name: string) => {
    await t.rejects(emit([order(1, provider)]), { name: 'RangeError', message: new RegExp(`^${name} `) })
  }
  for (const host of ['', 'a b', 'a\nb', 'höst', '%(x)s', 'x]']) await refused({ host }, 'host')
  for (const port of [0, 65_536, 1.5, Number.NaN]) await refused({ port }, 'port')
  for (const caFile of ['relative.pem', '/a\nb', '/trailing ', '/nul\0', '/next\u0085']) {
    await refused({ tls: 'implicit', caFile }, 'caFile')
  }
  await refused({ tls: 'implicit', fingerprint: 'AA:BB' }, 'fingerprint')
  for (const pythonFile of ['postferry.py', '/opt/$HOME/postferry.py', '/a\rb']) {
    await t.rejects(emit([], { ...SETTINGS, pythonFile }), RangeError)
  }
  for (const id of ['', '1,2', '1/2', 'all', '1\n', '-1']) {
    await t.rejects(emit([{ ...order(1), id }]), RangeError)
  }
})

t.test('memory does not grow with the number of orders, and none is taken before it is needed', async (t) => {
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  let taken = 0
  function* many() {
    for (let id = 1; id <= 100_000; id++) {
      taken++
      yield order(id)
    }
  }
  function* ids() {
    for (let id = 1; id <= 100_000; id++) yield String(id)
  }
  const heap = () => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const heaps: number[] = []
  let written = 0
  let chunks = 1
  let most = 0
  for await (const chunk of offlineimaprc({ ids: ids(), orders: many() }, SETTINGS)) {
    if (!chunk.includes('[Account ')) continue
    written += chunk.length
    most = Math.max(most, taken - chunks++)
    if (taken === 1000 || taken === 100_000) heaps.push(heap())
  }
  t.equal(most, 0, 'every order is out before the next one comes')
  t.ok(written > 50_000_000)
  const [early = 0, late = Number.POSITIVE_INFINITY] = heaps
  t.ok(late - early < written / 2, `the heap grew by ${late - early} bytes`)
})
