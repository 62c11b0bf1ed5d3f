import t from 'tap'
import { imapSource } from '../../src/imap/login/ask.ts'
import { ENGINES, type TlsVersion } from '../../src/model/provider.ts'
import { certificates } from '../support/certificates.ts'
import { DoveadmCopying } from '../support/doveadm-copying.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { startCourier } from '../support/old-servers.ts'
import { startOutdatedTls } from '../support/outdated-tls.ts'
import { PROVIDER } from '../support/provider.ts'
import { startService } from '../support/service.ts'

const ANNA = ['anna@old.example', 'secret of anna'] as const

const { server: certificate } = await certificates()
const copying = await DoveadmCopying.from(startCourier(Object.fromEntries([ANNA])))
const outdated = await startOutdatedTls(copying.old.port, certificate)
t.teardown(async () => {
  await outdated[Symbol.asyncDispose]()
  await copying[Symbol.asyncDispose]()
})
const { port } = outdated
const fingerprint = certificate.fingerprint.replaceAll(':', '').toLowerCase()
const WAYS = [{ caFile: certificate.ca }, { fingerprint }] as const
const reachedFrom = (tlsMin: TlsVersion) => ({ port, tls: 'implicit', tlsMin }) as const

t.test('a server that speaks TLS 1.0 alone gets no password, unless its provider says so', async (t) => {
  for (const way of WAYS) {
    const ask = async (tlsMin: TlsVersion) => {
      const provider = { ...PROVIDER, ...reachedFrom(tlsMin), ...way }
      const [username, password] = ANNA
      const signal = new AbortController().signal
      return await imapSource(20_000).ask({ provider, username, password, clientAddress: null, signal })
    }
    t.match(await ask('1.2'), { kind: 'trouble', code: 'old-tls' })
    t.match(await ask('1.1'), { kind: 'trouble', code: 'old-tls' })
    t.match(await ask('1.0'), { kind: 'yes' })
  }
})

t.test('nor do engines send it', async (t) => {
  {
    await using wire = await ImapWire.open(copying.atSource(ANNA))
    await wire.command('APPEND INBOX ', Buffer.from('Subject: old\r\n\r\nold\r\n'))
  }
  for (const [at, engine] of ENGINES.entries()) {
    for (const [number, way] of WAYS.entries()) {
      const id = 10 * at + number + 1
      const run = (tlsMin: TlsVersion) =>
        copying.run(id, ANNA, { engine, provider: { ...reachedFrom(tlsMin), ...way } })
      t.match(await run('1.2'), { outcome: 'old-tls', messages: 0 }, engine)
      t.match(await run('1.0'), { outcome: 'complete', messages: 1 }, engine)
    }
  }
})

t.test('doctor and panel warn of it, and the copying host has to approve it', async (t) => {
  await using service = await startService()
  const place = ['--host', 'localhost', '--port', `${port}`, '--ca-file', certificate.ca]
  await mustRun(service, 'provider', 'add', 'old', ...place)
  await mustRun(service, 'provider', 'approve', 'old')
  await mustRun(service, 'provider', 'set', 'old', '--tls-min', '1.0')
  const { stdout } = await service.run(['doctor'])
  t.match(stdout, /^warn +provider old +TLS 1\.0 is allowed: .*--tls-min 1\.2/ms)
  t.match(stdout, /^fail +provider old +nothing is copied: /m)
  t.match(await rows(service, 'provider', 'approve', 'old'), { outdated: '1.0' })
  t.match(await mustRun(service, 'provider', 'test', 'old'), /TLSv1,/)
})

t.end()
