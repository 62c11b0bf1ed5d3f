import net from 'node:net'
import t from 'tap'
import { manageSieve, sourceFilters } from '../../src/imap/sieve/filters.ts'
import { Silences } from '../../src/imap/sieve/silence.ts'
import { CouldNotAsk, Silence } from '../../src/model/ledger.ts'
import type { Provider } from '../../src/model/provider.ts'
import { certificates } from '../support/certificates.ts'
import { bothDebians } from '../support/debian.ts'
import { freePort } from '../support/loopback.ts'
import { putScripts, withManageSieve } from '../support/managesieve.ts'
import { PROVIDER } from '../support/provider.ts'
import { startSource } from '../support/source-server.ts'

const ANNA = 'anna@old.example'
const PASSWORD = 'pw of "anna" ü'
const SCRIPTS = {
  main: 'require "fileinto";\r\nif header :contains "subject" "x" { fileinto "Filtered"; }\r\n',
  'Señora "x" {3}': 'keep;\n',
  empty: '',
  odd: Buffer.from([0x23, 0xff, 0x00, 0x0a]),
}

const ask = async (provider: Provider, password = PASSWORD) => {
  const signal = new AbortController().signal
  return await sourceFilters(provider, { username: ANNA, password }, signal)
}
const refusal = async (provider: Provider, password?: string) => {
  try {
    return await ask(provider, password)
  } catch (error) {
    if (!(error instanceof CouldNotAsk)) throw error
    return `${error instanceof Silence ? 'silence, ' : ''}${error.code}: ${error.message}`
  }
}

for (const debian of bothDebians()) {
  t.test(`scripts of a Dovecot ${debian.dovecot}`, async (t) => {
    const { server, foreign, wrongName } = await certificates()
    const sievePort = await freePort()
    await using old = await startSource({
      ...{ people: { [ANNA]: PASSWORD, 'ben@old.example': 'x' }, tls: server, debian },
      configuration: withManageSieve(debian, sievePort),
    })
    putScripts(old.home(ANNA), SCRIPTS, 'main', old.mailOwner)
    const provider: Provider = { ...PROVIDER, host: 'localhost', tls: 'implicit', sievePort, caFile: server.ca }

    await t.test('come as they are', async (t) => {
      const found = await ask(provider)
      const bytes = Object.fromEntries((found ?? []).map(({ name, script }) => [name, script]))
      t.same(bytes, Object.fromEntries(Object.entries(SCRIPTS).map(([name, script]) => [name, Buffer.from(script)])))
      t.same(
        found?.filter(({ isActive }) => isActive).map(({ name }) => name),
        ['main'],
      )
      const ben = await sourceFilters(
        provider,
        { username: 'ben@old.example', password: 'x' },
        AbortSignal.timeout(9e4),
      )
      t.same(ben, [])
    })

    await t.test('are asked for where the certificate is right, and nowhere else', async (t) => {
      t.equal(
        (await ask({ ...provider, caFile: null, fingerprint: server.fingerprint.replaceAll(':', '').toLowerCase() }))
          ?.length,
        4,
      )
      t.match(await refusal({ ...provider, caFile: foreign.ca }), /^old-tls: /)
      t.match(await refusal({ ...provider, caFile: null }), /^old-tls: /)
      const other = wrongName.fingerprint.replaceAll(':', '').toLowerCase()
      t.match(await refusal({ ...provider, caFile: null, fingerprint: other }), /^old-tls: /)
      t.notMatch(old.log(), /managesieve-login: .*Aborted.*user=<anna/, 'no password went there')
    })

    await t.test('could not be asked for, and that is no "none"', async (t) => {
      t.match(
        await refusal(provider, 'another'),
        /^old-protocol: ManageSieve at localhost .* refuses the kept password/,
      )
      t.match(await refusal({ ...provider, sievePort: await freePort() }), /^old-unreachable: no ManageSieve at/)
      t.match(await refusal({ ...provider, sievePort: old.port }), /^old-protocol: /, 'IMAP is no ManageSieve')
    })
  })
}

t.test('nobody at the usual port: there is none', async (t) => {
  t.equal(await ask({ ...PROVIDER, host: '127.0.0.9', sievePort: null }), null)
  const unreachable = { ...PROVIDER, host: '255.255.255.255', sievePort: null }
  t.match(await refusal(unreachable), /^silence, old-unreachable: no ManageSieve at/, 'no answer is no "none" yet')
  t.match(await refusal(unreachable), /^silence, old-unreachable: /)
})

t.test('silence is a firewall where it lasts, and nobody has ever answered', async (t) => {
  const silences = new Silences()
  const seen = (now: number) => {
    silences.silent('a', now)
    return [silences.isEmpty('a'), silences.isKnownEmpty('a', now)]
  }
  t.same([seen(1_000), seen(60_999), seen(61_000)], [...Array(2).fill([false, false]), [true, true]])
  t.equal(silences.isKnownEmpty('a', 661_000), false, 'looked at again')
  t.same(seen(661_000), [true, true])
  silences.answered('a')
  t.same([seen(700_000), seen(900_000)], Array(2).fill([false, false]))
})

t.test('a server that says more than it was asked for before TLS begins gets no password', async (t) => {
  const heard: string[] = []
  const server = net.createServer((socket) => {
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        heard.push(`${chunk}`)
        socket.write('OK "begin"\r\n"SIEVE" "x"\r\nOK\r\n')
      })
    socket.write('"IMPLEMENTATION" "x"\r\n"SIEVE" "fileinto"\r\n"STARTTLS"\r\nOK "hello"\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  t.match(await refusal({ ...PROVIDER, host: '127.0.0.1', tls: 'starttls', sievePort: port }), /before TLS begins/)
  t.same(heard, ['STARTTLS\r\n'])
  server.close()
})

t.test('whether there is one shows before anybody signs in', async (t) => {
  const { server, foreign } = await certificates()
  const [sievePort, debian] = [await freePort(), bothDebians()[0]]
  if (debian === undefined) throw new Error('there is none')
  await using _ = await startSource({
    people: {},
    tls: server,
    debian,
    configuration: withManageSieve(debian, sievePort),
  })
  const provider: Provider = { ...PROVIDER, host: 'localhost', tls: 'implicit', sievePort, caFile: server.ca }
  t.same(await manageSieve(provider), { is: 'there' })
  t.match(await manageSieve({ ...provider, caFile: foreign.ca }), {
    is: 'unknown',
    why: /^ManageSieve at .*: TLS failed/,
  })
  const closed = await freePort()
  const said = { is: 'unknown', why: /no ManageSieve at localhost port/ }
  t.match(await manageSieve({ ...provider, sievePort: closed }), said, 'somebody has said that it is there')
  t.same(await manageSieve({ ...provider, host: '127.0.0.9', sievePort: null }), { is: 'none' })
})

t.test('a server without end is left', async (t) => {
  const server = net.createServer((socket) => {
    const flood = setInterval(() => socket.write('x'.repeat(50_000)), 1)
    socket.on('error', () => undefined).once('close', () => clearInterval(flood))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  t.match(await refusal({ ...PROVIDER, host: '127.0.0.1', tls: 'starttls', sievePort: port }), /longer than/)
  server.close()
})
