import type { OperationDeps } from '../../operations/deps.ts'
import { type Finding, idOf } from './finding.ts'
import type { Postfix } from './postfix.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const LATELY_DAYS = 7

/** What has to be there, and well, before the MX of a domain is this server. */
const REQUIRED = [
  ...['database', 'serve', 'provider', 'provider-tested', 'provider-mx'],
  ...['dovecot-passdb', 'dovecot-lua', 'dovecot-delivery', 'dovecot-lmtp', 'dovecot-mail'],
  ...['postfix-transport', 'dns-name', 'dns-spf'],
]

/** Why the MX may not move yet: by `id`, what was found, or that it could not be looked at. Empty: it may. */
export function obstacles(findings: readonly Finding[]): string[] {
  return REQUIRED.filter((id) => {
    const about = findings.filter((finding) => idOf(finding) === id)
    return about.length === 0 || about.some(({ result }) => result !== 'ok')
  })
}

/** What matters when mail comes here, and not before. */
export async function* checkBeforeMx(
  { providers, domains }: Pick<OperationDeps, 'providers' | 'domains'>,
  postfix: Postfix | null,
  now = Date.now(),
): AsyncGenerator<Finding> {
  if (postfix !== null) yield transport(postfix)
  const serving = new Set((await domains.list()).map(({ provider }) => provider))
  for (const { name, mx, lastTest } of await providers.list()) {
    if (!serving.has(name)) continue
    const check = `provider ${name}`
    yield { check, ...testedLately(name, lastTest, now) }
    if (mx !== null)
      yield { check, id: 'provider-mx', result: 'ok', found: `mail for who has not come yet goes to ${mx}` }
    else {
      const why = 'mail for everybody who has not signed in here yet would be refused (550)'
      const remedy = `postferry provider set ${name} --mx HOST`
      yield { check, id: 'provider-mx', result: 'fail', found: 'it has no MX', why, remedy }
    }
  }
}

type Test = { readonly at: Date; readonly failedStep: string | null } | null

function testedLately(name: string, test: Test, now: number): Omit<Finding, 'check'> {
  const [id, remedy] = ['provider-tested', `postferry provider test ${name}`]
  if (test === null) return { id, result: 'fail', found: 'it was not tested yet as it is now', remedy }
  if (test.failedStep !== null) return { id, result: 'fail', found: `its last test failed: ${test.failedStep}`, remedy }
  const days = Math.floor((now - test.at.getTime()) / DAY_MS)
  if (days > LATELY_DAYS) return { id, result: 'fail', found: `it was last tested ${days} days ago`, remedy }
  return { id, result: 'ok', found: 'it was tested lately' }
}

function transport({ virtual_transport: transport }: Postfix): Finding {
  const [check, id] = ['postfix', 'postfix-transport']
  if (/^lmtp:/.test(transport)) return { check, id, result: 'ok', found: `it hands mail to ${transport}` }
  const found = `it hands mail to ${transport}, and not to Dovecot's LMTP`
  const why = 'where a message goes is decided there: here, or at the old server for who has not come yet'
  return {
    check,
    id,
    result: 'fail',
    found,
    why,
    remedy: 'virtual_transport = lmtp:unix:private/dovecot-lmtp, in main.cf',
  }
}
