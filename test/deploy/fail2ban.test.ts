import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DISABLED, MISMATCH, tempfail, type Verdict } from '../../src/model/verdict.ts'
import { account, scriptedListener } from '../http/scripted-listener.ts'
import { countedByFail2ban, networksSeenByFail2ban } from '../support/fail2ban.ts'

const FILTER = join(import.meta.dirname, '../../deploy/fail2ban/postferry-filter.conf')

const VERDICTS: Record<string, Verdict> = {
  wrong: MISMATCH,
  right: { verdict: 'ok', account },
  disabled: DISABLED,
  throttled: tempfail('throttled'),
  away: tempfail('old-unreachable', new Error('"verdict":"mismatch","client":"198.51.100.1","msg":"passdb"}')),
}

t.test('the shipped filter counts wrong passwords in postferry’s own log by network, and nothing else', async (t) => {
  const { app, logged } = scriptedListener({
    login: async ({ password }) => VERDICTS[password] ?? MISMATCH,
    proxyNetworks: ['198.51.100.0/24'],
  })
  const sign = (password: string, real_rip?: string, more = {}) =>
    app.inject({ method: 'POST', url: '/v1/passdb', payload: { username: 'anna', password, real_rip, ...more } })
  for (const password of Object.keys(VERDICTS)) await sign(password, '192.0.2.1')
  await sign('wrong', '2001:db8:0:7::1')
  const forged = '","verdict":"mismatch","client":"203.0.113.1","msg":"passdb"}'
  await sign('away', '192.0.2.2', { service: forged, session: forged })
  // A webmail that does not say for whom, and one that does not know.
  for (const client of ['198.51.100.7', undefined]) await sign('wrong', client)

  const file = join(t.testdir(), 'postferry.log')
  writeFileSync(file, logged.join(''))
  t.same(await networksSeenByFail2ban(file, FILTER), ['192.0.2.1', '2001:db8:0:7::/64'])
  for (const line of await countedByFail2ban(file, FILTER)) {
    t.match(line, /"person":"[\w+/]{12}"/)
    t.notMatch(line, 'anna')
  }
})
