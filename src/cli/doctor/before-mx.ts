import type { Deps } from '../../operations/deps.ts'
import { testMx } from '../../operations/mx-test.ts'
import { CALLER } from '../terminal/operation-command.ts'
import { type Finding, idOf } from './finding.ts'
import type { Postfix } from './postfix.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const LATELY_DAYS = 7

/** What has to be there, and well, before the MX of a domain is this server. */
export const BEFORE_MX: readonly string[] = [
  ...['database', 'serve', 'provider', 'provider-tested', 'provider-mx'],
  ...['dovecot-passdb', 'dovecot-lua', 'dovecot-delivery', 'dovecot-lmtp', 'dovecot-mail'],
  ...['postfix-transport', 'postfix-own-domains', 'postfix-message-size', 'dns-name', 'dns-spf'],
]

/** What is not there or not well of that: by `id`, what was found, or that it could not be looked at. Empty: nothing. */
export function obstacles(findings: readonly Finding[], required: readonly string[]): string[] {
  return required.filter((id) => {
    const about = findings.filter((finding) => idOf(finding) === id)
    return about.length === 0 || about.some(({ result }) => result !== 'ok')
  })
}

/** What matters when mail comes here, and not before. */
export async function* checkBeforeMx(deps: Deps, postfix: Postfix | null): AsyncGenerator<Finding> {
  if (postfix !== null) yield transport(postfix)
  const open = (await deps.domains.list()).filter(({ isClosed }) => !isClosed)
  const serving = new Set(open.map(({ provider }) => provider))
  for (const { name, mx, lastTest } of await deps.providers.list()) {
    if (!serving.has(name)) continue
    const check = `provider ${name}`
    yield { check, ...testedLately(name, lastTest, Date.now()) }
    if (mx !== null) yield* lookAtMx(name, deps, postfix)
    else {
      const why =
        'mail for everybody who has not signed in here yet would be told to come again (451), and bounce after days'
      const remedy = `postferry provider set ${name} --mx HOST`
      yield { check, id: 'provider-mx', result: 'fail', found: 'it has no MX', why, remedy }
    }
  }
}

/** Whether the old MX takes what this server hands on. */
async function* lookAtMx(name: string, { perform }: Deps, postfix: Postfix | null): AsyncGenerator<Finding> {
  const [check, id] = [`provider ${name}`, 'provider-mx']
  const remedy = `postferry provider test ${name} --mx`
  try {
    const steps = await Array.fromAsync((await perform(testMx, { name }, CALLER())).steps)
    const failed = steps.find(({ ok }) => !ok)
    if (failed === undefined) yield { check, id, result: 'ok', found: 'its MX takes mail from here' }
    else yield { check, id, result: 'fail', found: `its MX, ${failed.step}: ${failed.found}`, remedy }
    const size = steps.find(({ step }) => step === 'capabilities')?.size
    if (postfix !== null) yield messageSize(name, size ?? Number.POSITIVE_INFINITY, postfix)
  } catch (error) {
    yield { check, id, result: 'warn', found: (error as Error).message, remedy }
  }
}

function messageSize(name: string, theirs: number, { message_size_limit: limit }: Postfix): Finding {
  const [check, id] = ['postfix', 'postfix-message-size']
  // 0: no limit.
  const ours = Number(limit) || Number.POSITIVE_INFINITY
  if (ours <= theirs) return { check, id, result: 'ok', found: `the MX of ${name} takes whatever message it takes` }
  const found = `it takes larger messages (${limit} bytes) than the MX of ${name} (${theirs} bytes)`
  const why = 'they would be taken here, refused there, and bounced'
  return { check, id, result: 'fail', found, why, remedy: `message_size_limit = ${theirs}, in main.cf` }
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
