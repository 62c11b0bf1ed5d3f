import t from 'tap'
import type { Provider } from '../../src/model/provider.ts'
import { type Certificate, certificates } from '../support/certificates.ts'
import { Copying, type CopyingRunSettings } from '../support/copying.ts'
import { type Source, startSource } from '../support/source-server.ts'
import { tamperWith } from '../support/tampering.ts'

const PASSWORD = ' päss"w\\ö{rd} 日本 %s'
const PEOPLE = { 'änna@old.example': PASSWORD }
const USER = 'änna@old.example'

const { server, expired, wrongName, foreign } = await certificates()
const copying = await Copying.start({ people: PEOPLE })
const olds: Source[] = []
t.teardown(async () => {
  await Promise.all([copying, ...olds].map((each) => each[Symbol.asyncDispose]()))
})

/** One run with one account per provider. @returns for each whether it was copied completely */
async function tryAll(providers: Partial<Provider>[], settings: CopyingRunSettings = {}) {
  await copying.credentials(providers.map((_, at) => ({ id: String(at + 1), user: USER, password: PASSWORD })))
  const orders = providers.map((provider, at) => copying.order(at + 1, provider))
  const run = await copying.run(orders, settings)
  return { ...run, copied: providers.map((_, at) => run.output.includes(`postferry: m-${at + 1} complete`)) }
}

for (const tls of ['implicit', 'starttls'] as const) {
  const at = (old: { port: number; tlsPort: number }) => (tls === 'implicit' ? old.tlsPort : old.port)

  t.test(`${tls} TLS: only what can be verified is spoken to`, async (t) => {
    const certificates: Certificate[] = [expired, wrongName, foreign]
    const bad = await Promise.all(certificates.map((certificate) => startSource({ people: PEOPLE, tls: certificate })))
    olds.push(...bad)
    const good = { tls, port: at(copying.old), caFile: server.ca }
    const fingerprint = (certificate: Certificate) => certificate.fingerprint.replaceAll(':', '').toLowerCase()
    const right: Partial<Provider>[] = [
      good,
      { ...good, host: '127.0.0.1' },
      { ...good, caFile: null, fingerprint: fingerprint(server) },
      { ...good, caFile: foreign.ca, fingerprint: fingerprint(server) },
    ]
    const wrong: Partial<Provider>[] = [
      { ...good, caFile: foreign.ca },
      { ...good, caFile: null },
      { ...good, fingerprint: fingerprint(foreign) },
      { ...good, caFile: '/no/such/$HOME/%s ca.pem' },
      ...bad.map((old) => ({ ...good, port: at(old) })),
    ]
    const { code, copied, output } = await tryAll([...right, ...wrong])
    t.equal(code, 1)
    t.strictSame(copied, [...right.map(() => true), ...wrong.map(() => false)], output)
    for (const old of bad) t.equal(await old.loginCount(), 0, 'no password was sent')
    const stock = await tryAll([...right, ...wrong], { without: 'tls.certificates_verified' })
    if (tls === 'implicit') t.equal(stock.copied[1], false, 'without the repair no IP address is verified')
    else t.equal(stock.copied[9], true, 'without the repair a certificate for another host is good')
  })
}

t.test('STARTTLS that is taken away is refused, before the password; without the repair it is sent', async (t) => {
  await using proxy = await tamperWith(copying.old.port, (said) => said.replaceAll('STARTTLS', 'STARTXXX'))
  const provider = { tls: 'starttls', port: proxy.port, caFile: server.ca } as const
  const { copied, output } = await tryAll([provider])
  t.strictSame(copied, [false], output)
  t.notMatch(proxy.sent(), 'AUTHENTICATE')
  await tryAll([provider], { without: 'connection.sign_in_once' })
  t.match(proxy.sent(), 'AUTHENTICATE')
})

t.test('what somebody says before STARTTLS is not believed', async (t) => {
  const invented = '* LIST () "/" invented\r\n* NAMESPACE NIL NIL (("INBOX" "/"))\r\n'
  await using proxy = await tamperWith(copying.old.port, (said) => said.replace(/^\* OK .*\r\n/, `$&${invented}`))
  const { copied, output } = await tryAll([{ tls: 'starttls', port: proxy.port, caFile: server.ca }])
  t.strictSame(copied, [true], output)
  t.match(proxy.sent(), 'STARTTLS')
})

t.test('a server that says PREAUTH is not believed', async (t) => {
  await using proxy = await tamperWith(copying.old.port, (said) => said.replace(/^\* OK \[/, '* PREAUTH ['))
  t.strictSame((await tryAll([{ port: proxy.port }, { tls: 'starttls', port: proxy.port }])).copied, [false, false])
})

t.test('the TLS library is never used by two threads at once', async (t) => {
  const appended = `
import ssl, threading, time
inside = threading.Lock()
def watched(stock):
    def call(self, *arguments):
        if not inside.acquire(blocking=False):
            print('OVERLAP', flush=True)
            return stock(self, *arguments)
        try:
            time.sleep(0.02)
            return stock(self, *arguments)
        finally:
            inside.release()
    return call
ssl.SSLSocket.recv = watched(ssl.SSLSocket.recv)
ssl.SSLSocket.send = watched(ssl.SSLSocket.send)
`
  const provider = { tls: 'starttls', port: copying.old.port, caFile: server.ca } as const
  const { copied, output } = await tryAll([provider], { appended })
  t.strictSame(copied, [true], output)
  t.notMatch(output, 'OVERLAP')
  t.match((await tryAll([provider], { appended, without: 'tls.in_turns' })).output, 'OVERLAP')
})

t.end()
