import type { Engines } from '../../copying/ports.ts'
import { type Dovecot, within } from '../../files/doveconf.ts'
import type { Provider } from '../../model/provider.ts'
import type { Deps } from '../../operations/deps.ts'
import type { Finding } from './finding.ts'

const STAY = 'people who have filters (Sieve) would not be flipped, or lose them'

/** Whether filters of proxied people can come along, and be changed here. */
export async function checkFilters(
  provider: Provider,
  { manageSieve }: Pick<Deps, 'manageSieve'>,
  { engine, dovecot }: { readonly engine: Pick<Engines, 'whyNoFilters'>; readonly dovecot: Dovecot | null },
): Promise<Omit<Finding, 'check'>> {
  const { name, filters } = provider
  const id = 'flip-filters'
  const ok = (found: string) => ({ id, result: 'ok', found }) as const
  const fail = (found: string, remedy: string) => {
    const without = `or without them: postferry provider set ${name} --filters leave`
    return { id, result: 'fail', found, why: STAY, remedy: `${remedy}; ${without}` } as const
  }
  if (filters === 'leave') return ok('its filters stay there (--filters leave)')
  const there = await manageSieve(provider)
  if (there.is === 'none') return ok('it has no ManageSieve: there are no filters to bring')
  if (there.is === 'unknown') return fail(there.why, `let this host reach it, or correct the port (--sieve-port)`)
  const why = await engine.whyNoFilters()
  if (why !== null)
    return fail(`its filters cannot be brought: ${why}`, 'docs/operate/mail-server.md says what it needs')
  if (dovecot !== null && !servesSieve(dovecot)) {
    const found = 'it has ManageSieve, and Dovecot here has not: nobody could change filters any more'
    return fail(found, 'apt-get install --yes dovecot-managesieved')
  }
  return ok('its filters come along, and Dovecot here has ManageSieve, too')
}

/** Dovecot 2.4 may list protocols as a block. */
function servesSieve({ all }: Dovecot): boolean {
  const listed = (all.settings.get('protocols') ?? '').split(/\s+/)
  return listed.includes('sieve') || within(all, 'protocols', '').settings.get('sieve') === 'yes'
}
