import type { Sessions } from '../../copying/flip-ports.ts'
import type { Deps } from '../../operations/deps.ts'
import type { Finding } from './finding.ts'

/** What has to be there, and well, before somebody is flipped. */
export const BEFORE_FLIP: readonly string[] = [
  ...['database', 'serve', 'provider', 'flip-provider', 'flip-kick', 'doveadm'],
  ...['dovecot-passdb', 'dovecot-lua', 'dovecot-delivery', 'dovecot-lmtp', 'dovecot-mail', 'dovecot-storage'],
]

/** What matters where people are proxied; to be asked on the copying host. */
export async function* checkBeforeFlip(
  { providers }: Pick<Deps, 'providers'>,
  sessions: Pick<Sessions, 'check'>,
): AsyncGenerator<Finding> {
  yield await ending(sessions)
  const proxied = (await providers.list()).filter(({ cutover }) => cutover === 'proxied')
  const id = 'flip-provider'
  if (proxied.length === 0) {
    const remedy = 'postferry provider set NAME --cutover proxied --engine doveadm'
    yield { check: 'providers', id, result: 'fail', found: 'nobody is proxied', remedy }
  }
  for (const { name, mx, flip } of proxied) {
    const check = `provider ${name}`
    if (mx !== null) {
      yield {
        check,
        id,
        result: 'ok',
        found: `its people are flipped ${HOW[flip]}, and until then its MX takes their mail`,
      }
      continue
    }
    const found = 'its people are proxied, and it has no MX'
    const why = 'mail for them would be refused (550) until the flip'
    yield { check, id, result: 'fail', found, why, remedy: `postferry provider set ${name} --mx HOST` }
  }
}

const HOW = { auto: 'as soon as they are ready', manual: 'when somebody says so' } as const

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
