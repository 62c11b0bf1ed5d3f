import t from 'tap'
import { probe } from '../../src/imap/probe/probe.ts'
import type { Provider } from '../../src/model/provider.ts'
import { newProvider } from '../../src/model/provider-changes.ts'
import { healthOf } from '../../src/operations/provider-health.ts'
import type { ProviderStatus } from '../../src/source/ports.ts'
import { certificates } from '../support/certificates.ts'
import { freePort } from '../support/loopback.ts'
import { scripted, startScriptedImap } from '../support/scripted-imap.ts'
import { startSource } from '../support/source-server.ts'

const USE: ProviderStatus = { provider: 'well', breaker: 'closed', running: 1, waiting: 2 }

/** How these providers are, as the real probe finds them. */
function healthOfAll(all: readonly Provider[]) {
  return healthOf({ providers: { list: async () => all }, probe: (provider) => probe(provider), status: () => [USE] })
}

t.test('each provider is told as the way there is, with how it is used', async (t) => {
  const { server: tls } = await certificates()
  await using old = await startSource({ people: {}, tls })
  const well = { ...newProvider('well', { host: 'localhost' }), port: old.tlsPort, caFile: tls.ca }
  const untrusted = { ...well, name: 'untrusted', caFile: null }
  const away = { ...well, name: 'away', port: await freePort() }
  const logins = await old.loginCount()
  const health = await healthOfAll([well, untrusted, away]).health()
  t.match(health, [
    { provider: 'well', reachable: true, failedStep: null, daysLeft: 29, status: USE },
    { provider: 'untrusted', reachable: false, failedStep: 'tls', latencyMs: null, daysLeft: 29, status: null },
    { provider: 'away', reachable: false, failedStep: 'connect', latencyMs: null, daysLeft: null },
  ])
  t.ok((health[0]?.latencyMs ?? 0) > 0)
  t.equal(await old.loginCount(), logins, 'nobody, not even a stranger, was signed in')
})

t.test('however many ask, a provider is looked at once; when it is set otherwise, once more', async (t) => {
  await using old = await startScriptedImap(scripted({}))
  const all: Provider[] = [{ ...newProvider('odd', { host: '127.0.0.1', tls: 'none' }), port: old.port }]
  const { health } = healthOfAll(all)
  const answers = await Promise.all([health(), health(), health()])
  t.match(answers.flat(), Array(3).fill({ provider: 'odd', reachable: true, daysLeft: null }))
  await health()
  t.equal(old.taken, 1)
  all[0] = { ...(all[0] as Provider), host: 'localhost' }
  t.match(await health(), [{ reachable: true }])
  t.equal(old.taken, 2)
})
