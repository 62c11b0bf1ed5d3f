import t from 'tap'
import { BEFORE_FLIP, checkBeforeFlip } from '../../../src/cli/doctor/before-flip.ts'
import { obstacles } from '../../../src/cli/doctor/before-mx.ts'
import type { Finding } from '../../../src/cli/doctor/finding.ts'
import { parseDoveconf } from '../../../src/files/doveconf.ts'
import type { Provider } from '../../../src/model/provider.ts'
import type { AtOnce, ManageSieve } from '../../../src/source/probe.ts'
import { PROVIDER } from '../../support/provider.ts'

const PROXIED: Provider = { ...PROVIDER, cutover: 'proxied', mx: 'mx.old.example', filters: 'carry' }
const dovecot = (settings: string) => parseDoveconf(`# 2.4.1 (abc): /etc/dovecot/dovecot.conf\n${settings}\n`)
const SERVING = dovecot('protocols = imap lmtp sieve')
const ROOMY: AtOnce = { taken: 30, isRefused: false, greeting: '* OK' }

interface World {
  readonly provider?: Partial<Provider>
  readonly atOnce?: AtOnce
  readonly there?: ManageSieve
  readonly whyNot?: string | null
  readonly here?: ReturnType<typeof dovecot> | null
}

async function looked({
  provider = {},
  atOnce = ROOMY,
  there = { is: 'there' },
  whyNot = null,
  here = SERVING,
}: World) {
  const deps = {
    providers: { list: async () => [{ ...PROXIED, ...provider }] },
    connectionsAtOnce: async () => atOnce,
    manageSieve: async () => there,
  }
  const sessions = { check: async () => undefined }
  const found = checkBeforeFlip(deps as unknown as Parameters<typeof checkBeforeFlip>[0], {
    ...{ sessions, dovecot: here },
    engine: { whyNoFilters: async () => whyNot },
  })
  return await Array.fromAsync(found)
}

const about = (findings: readonly Finding[], id: string) => findings.find((finding) => finding.id === id)
const filters = async (world: World) => about(await looked(world), 'flip-filters')
const connections = async (world: World) => about(await looked(world), 'flip-connections')

t.test('what has to be there before a flip is looked at', async (t) => {
  const open = obstacles(await looked({}), BEFORE_FLIP)
  t.notOk(
    open.some((id) => id.startsWith('flip-')),
    'all is well',
  )
  t.ok(open.includes('dovecot-delivery') && !open.includes('dns-spf'))
  const findings = await looked({ provider: { cutover: 'immediate' } })
  t.match(about(findings, 'flip-provider'), { result: 'fail', found: 'nobody is proxied' })
  t.match(about(await looked({ provider: { mx: null } }), 'flip-provider'), { result: 'fail', remedy: /--mx HOST$/ })
})

t.test('an old server that takes too few connections from one address is in the way', async (t) => {
  const few: AtOnce = { taken: 20, isRefused: true, greeting: '* OK Courier' }
  t.match(await connections({}), { result: 'ok', found: /takes 30 connections at once/ })
  t.match(await connections({ atOnce: few }), {
    result: 'fail',
    found: /takes 20/,
    remedy: /MAXPERIP.*--login-addresses/,
  })
  t.match(await connections({ atOnce: few, provider: { loginAddresses: 2 } }), { result: 'ok' })
  const none: AtOnce = { taken: 0, isRefused: false, greeting: '' }
  t.match(await connections({ atOnce: none }), { result: 'fail', remedy: /provider test/ })
})

t.test('so is what keeps filters from coming, where there are any', async (t) => {
  t.match(await filters({}), { result: 'ok', found: /come along/ })
  t.match(await filters({ there: { is: 'none' }, whyNot: 'no', here: null }), { result: 'ok', found: /no ManageSieve/ })
  const leave = { provider: { filters: 'leave' } } as const
  t.match(await filters({ ...leave, whyNot: 'no' }), { result: 'ok', found: /--filters leave/ })
  const away: ManageSieve = { is: 'unknown', why: 'ManageSieve at x: TLS failed' }
  t.match(await filters({ there: away }), {
    result: 'fail',
    found: /TLS failed/,
    remedy: /--sieve-port.*--filters leave$/,
  })
  t.match(await filters({ whyNot: 'Dovecot here has no Sieve' }), { result: 'fail', found: /brought: .*has no Sieve$/ })
})

t.test('and a Dovecot here at which nobody could change them any more', async (t) => {
  const lacking = { result: 'fail', remedy: /dovecot-managesieved.*--filters leave$/ }
  t.match(await filters({ here: dovecot('protocols = imap lmtp') }), lacking)
  t.match(await filters({ here: dovecot('protocols {\n  imap = yes\n}') }), lacking)
  t.match(await filters({ here: dovecot('protocols {\n  sieve = yes\n}') }), { result: 'ok' })
  t.match(await filters({ here: null }), { result: 'ok' }, 'it is elsewhere')
})
