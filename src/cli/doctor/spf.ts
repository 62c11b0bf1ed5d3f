import ipaddr from 'ipaddr.js'

/** What a name has in the DNS; empty: nothing. @throws when the DNS does not say */
export interface Dns {
  texts(name: string): Promise<string[]>
  addresses(name: string): Promise<string[]>
  mailHosts(domain: string): Promise<string[]>
}

/** Whether a domain's SPF (RFC 7208) lets a host send: yes, no, or it cannot be told from here. */
export type SpfAnswer = { readonly kind: 'yes' | 'no' | 'none' } | { readonly kind: 'unknown'; readonly cause: string }

/** RFC 7208, section 4.6.4. */
const MOST_LOOKUPS = 10

class Unknown extends Error {}

export async function spf(domain: string, address: string, dns: Dns): Promise<SpfAnswer> {
  let lookups = 0
  const count = () => {
    if (++lookups > MOST_LOOKUPS) throw new Unknown(`it needs more than ${MOST_LOOKUPS} look-ups`)
  }
  const client = ipaddr.process(address)
  const isAmong = (hosts: readonly string[], lengths: string) => {
    const [, four, six] = /^(?:\/(\d+))?(?:\/\/(\d+))?$/.exec(lengths) ?? []
    return hosts.some((host) => isIn(client, host, client.kind() === 'ipv4' ? four : six))
  }

  /** Null: no term matches. */
  async function check(name: string): Promise<'yes' | 'no' | null | 'none'> {
    const record = spfRecord(await dns.texts(name))
    if (record === null) return 'none'
    const terms = record.split(/\s+/).slice(1)
    for (const term of terms) {
      const [, sign = '', mechanism = '', rest = ''] = /^([-+~?]?)([a-z0-9]+)(.*)$/i.exec(term) ?? []
      if (rest.startsWith('=')) continue
      if (await matches(mechanism.toLowerCase(), rest, name)) return sign === '' || sign === '+' ? 'yes' : 'no'
    }
    const redirect = terms.map((term) => /^redirect=(.*)$/i.exec(term)?.[1]).find((target) => target !== undefined)
    if (redirect === undefined) return null
    count()
    return await check(plain(redirect))
  }

  async function matches(mechanism: string, rest: string, name: string): Promise<boolean> {
    const [, target = '', lengths = ''] = /^(?::([^/]*))?(\/.*)?$/.exec(rest) ?? []
    switch (mechanism) {
      case 'all':
        return true
      case 'ip4':
      case 'ip6': {
        const [base = '', length] = rest.slice(1).split('/')
        return isIn(client, base, length)
      }
      case 'include':
        count()
        return (await check(plain(target))) === 'yes'
      case 'a':
        count()
        return isAmong(await dns.addresses(plain(target || name)), lengths)
      case 'mx': {
        count()
        const hosts = await dns.mailHosts(plain(target || name))
        return isAmong((await Promise.all(hosts.map((host) => dns.addresses(host)))).flat(), lengths)
      }
      default:
        throw new Unknown(`it says "${mechanism}"`)
    }
  }

  try {
    const answer = await check(domain)
    return { kind: answer ?? 'no' }
  } catch (error) {
    if (error instanceof Unknown) return { kind: 'unknown', cause: error.message }
    throw error
  }
}

/** The one record that is SPF; null: there is none. */
export function spfRecord(texts: readonly string[]): string | null {
  const records = texts.filter((text) => /^v=spf1(\s|$)/i.test(text))
  if (records.length > 1) throw new Unknown('there is more than one record')
  return records[0] ?? null
}

function plain(name: string): string {
  if (name.includes('%')) throw new Unknown(`it says "${name}"`)
  return name
}

/** @param length of the network's prefix; undefined: the one address */
function isIn(client: ipaddr.IPv4 | ipaddr.IPv6, base: string, length: string | undefined): boolean {
  if (!ipaddr.isValid(base)) return false
  const network = ipaddr.process(base)
  const whole = network.kind() === 'ipv4' ? 32 : 128
  return network.kind() === client.kind() && client.match(network as never, Math.min(whole, Number(length ?? whole)))
}
