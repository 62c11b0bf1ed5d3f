import type { ServedDomain } from '../../model/domain.ts'
import { away, namesOf } from './dns.ts'
import type { Finding } from './finding.ts'
import type { Postfix } from './postfix.ts'
import type { Dns } from './spf.ts'

const [check, id] = ['dns', 'dns-dkim']
const WHY = 'others take what people send from here for spam, or refuse it where the domain says so (DMARC)'

/** Whether what people send from here is signed (RFC 6376), and the receivers find the key. */
export async function* checkDkim(
  domains: readonly ServedDomain[],
  postfix: Postfix | null,
  dns: Dns,
  selector: string | undefined,
): AsyncGenerator<Finding> {
  if (selector !== undefined) {
    for (const domain of namesOf(domains)) yield await keyOf(`${selector}._domainkey.${domain}`, dns)
  } else if (postfix?.smtpd_milters === '') {
    const remedy = 'set up a signer, such as opendkim or rspamd, and name it in smtpd_milters, in main.cf'
    yield { check, id, result: 'warn', found: 'Postfix has nobody sign what people send (DKIM)', why: WHY, remedy }
  } else if (postfix !== null) {
    const found = 'Postfix hands what people send to a milter; --dkim-selector looks whether its keys are in the DNS'
    yield { check, id, result: 'ok', found }
  }
}

async function keyOf(name: string, dns: Dns): Promise<Finding> {
  try {
    const keys = (await dns.texts(name)).flatMap((text) => /(?:^|;)\s*p\s*=\s*([^;]*)/.exec(text)?.[1] ?? [])
    if (keys.some((key) => key.trim() !== '')) return { check, id, result: 'ok', found: `${name} has a key` }
    const found = keys.length > 0 ? `the key of ${name} is withdrawn` : `${name} has no key`
    return { check, id, result: 'warn', found, why: WHY, remedy: `${name}. IN TXT "v=DKIM1; k=rsa; p=…"` }
  } catch (error) {
    return away(name, id, error as NodeJS.ErrnoException)
  }
}
