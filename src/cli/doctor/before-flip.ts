import type { Sessions } from '../../copying/flip-ports.ts'
import type { Engines } from '../../copying/ports.ts'
import type { Dovecot } from '../../files/doveconf.ts'
import { AT_ONCE, atOnceFlaw } from '../../model/cutover.ts'
import type { Provider } from '../../model/provider.ts'
import type { Deps } from '../../operations/deps.ts'
import type { Finding } from './finding.ts'
import { checkFilters } from './flip-filters.ts'

/** What has to be there, and well, before somebody is flipped. */
export const BEFORE_FLIP: readonly string[] = [
  ...['database', 'serve', 'provider', 'flip-provider', 'flip-connections', 'flip-filters', 'flip-kick', 'doveadm'],
  ...['dovecot-passdb', 'dovecot-lua', 'dovecot-delivery', 'dovecot-lmtp', 'dovecot-mail', 'dovecot-storage'],
]

/** What is on this host. */
interface Here {
  readonly sessions: Pick<Sessions, 'check'>
  readonly engine: Pick<Engines, 'whyNoFilters'>
  /** Null: it is elsewhere, or cannot be read. */
  readonly dovecot: Dovecot | null
}

/** What matters where people are proxied; to be asked on the copying host. */
export async function* checkBeforeFlip(
  deps: Pick<Deps, 'providers' | 'connectionsAtOnce' | 'manageSieve'>,
  here: Here,
): AsyncGenerator<Finding> {
  yield await ending(here.sessions)
  const proxied = (await deps.providers.list()).filter(({ cutover }) => cutover === 'proxied')
  if (proxied.length === 0) {
    const remedy = 'postferry provider set NAME --cutover proxied --engine doveadm'
    yield { check: 'providers', id: 'flip-provider', result: 'fail', found: 'nobody is proxied', remedy }
  }
  for (const provider of proxied) {
    const check = `provider ${provider.name}`
    yield { check, ...mailUntilThen(provider) }
    yield { check, ...(await connections(provider, deps)) }
    yield { check, ...(await checkFilters(provider, deps, here)) }
  }
}

function mailUntilThen({ name, mx, flip }: Provider): Omit<Finding, 'check'> {
  const id = 'flip-provider'
  if (mx !== null) {
    const found = `its people are flipped ${HOW[flip]}, and until then its MX takes their mail`
    return { id, result: 'ok', found }
  }
  const found = 'its people are proxied, and it has no MX'
  const why = 'mail for them would be told to come again (451) until the flip, and bounce where that is days away'
  return { id, result: 'fail', found, why, remedy: `postferry provider set ${name} --mx HOST` }
}

const HOW = {
  auto: 'as soon as they are ready',
  window: 'as soon as they are ready, in the copying hours alone',
  manual: 'when somebody says so',
} as const

/** People who are proxied come from one address, all of them. */
async function connections(
  provider: Provider,
  { connectionsAtOnce }: Pick<Deps, 'connectionsAtOnce'>,
): Promise<Omit<Finding, 'check'>> {
  const id = 'flip-connections'
  const atOnce = await connectionsAtOnce(provider, AT_ONCE)
  if (atOnce.taken === 0) {
    const remedy = `postferry provider test ${provider.name}`
    return { id, result: 'fail', found: 'it takes no connection from here', remedy }
  }
  const flaw = atOnceFlaw(provider, atOnce)
  if (flaw !== null) return { id, result: 'fail', found: flaw.why, remedy: flaw.remedy }
  return { id, result: 'ok', found: `it takes ${atOnce.taken} connections at once from this address` }
}

async function ending(sessions: Pick<Sessions, 'check'>): Promise<Finding> {
  const [check, id] = ['sessions', 'flip-kick']
  try {
    await sessions.check()
    return { check, id, result: 'ok', found: 'this host can end sessions at each Dovecot' }
  } catch (error) {
    const remedy = 'postferry-proxy.conf.ext in Dovecot, POSTFERRY_DOVEADM_URLS and POSTFERRY_DOVEADM_KEY_FILE here'
    return { check, id, result: 'fail', found: (error as Error).message, why: 'a flip has to end them', remedy }
  }
}
