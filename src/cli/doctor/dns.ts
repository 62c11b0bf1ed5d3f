import { Resolver } from 'node:dns/promises'
import { hostname } from 'node:os'
import type { ServedDomain } from '../../model/domain.ts'
import { isLoopback } from '../../model/network.ts'
import type { Finding } from './finding.ts'
import type { Postfix } from './postfix.ts'
import { type Dns, spf, spfRecord } from './spf.ts'

const LIMITS = { timeout: 2_000, tries: 2 }
const DOMAINS_AT_ONCE = 8
const NOTHING_THERE = ['ENOTFOUND', 'ENODATA']

/** @param server to ask; undefined: whom this host asks. @throws when it is no address */
export function openDns(server: string | undefined): Dns {
  const resolver = new Resolver(LIMITS)
  if (server !== undefined) resolver.setServers([server])
  const found = async <T>(asked: Promise<T[]>) =>
    await asked.catch((error: NodeJS.ErrnoException) => {
      if (NOTHING_THERE.includes(error.code ?? '')) return []
      throw error
    })
  return {
    texts: async (name) => (await found(resolver.resolveTxt(name))).map((parts) => parts.join('')),
    addresses: async (name) =>
      (await Promise.all([found(resolver.resolve4(name)), found(resolver.resolve6(name))])).flat(),
    mailHosts: async (domain) =>
      (await found(resolver.resolveMx(domain)))
        .sort((one, other) => one.priority - other.priority)
        .map(({ exchange }) => exchange.toLowerCase())
        .filter((host) => host !== ''),
  }
}

/** This server, as others see it. */
interface Server {
  readonly name: string
  readonly addresses: readonly string[]
}

/** Whether the DNS knows this server, and lets it send for the domains that move. */
export async function* checkDns(
  domains: readonly ServedDomain[],
  postfix: Postfix | null,
  dns: Dns,
): AsyncGenerator<Finding> {
  const name = postfix?.myhostname ?? hostname()
  const addresses = await dns.addresses(name).catch((error: NodeJS.ErrnoException) => error)
  if (addresses instanceof Error) return yield away(name, 'dns-name', addresses)
  const server = { name, addresses: addresses.filter((address) => !isLoopback(address)) }
  yield nameOfServer(server)
  const names = namesOf(domains)
  for (let start = 0; start < names.length; start += DOMAINS_AT_ONCE) {
    const some = names.slice(start, start + DOMAINS_AT_ONCE)
    yield* (await Promise.all(some.map((domain) => checkDomain(domain, server, dns)))).flat()
  }
}

/** Old names and new ones, each once. */
export function namesOf(domains: readonly ServedDomain[]): string[] {
  return [...new Set(domains.flatMap(({ name, newDomain }) => [name, newDomain]))].sort()
}

function nameOfServer({ name, addresses }: Server): Finding {
  const [check, id] = ['dns', 'dns-name']
  if (addresses.length > 0) return { check, id, result: 'ok', found: `this server is ${name}, ${addresses.join(', ')}` }
  const why = 'other servers refuse mail from a host that calls itself so, and SPF cannot be checked'
  const remedy = 'give it A and AAAA records; or correct myhostname in main.cf'
  return { check, id, result: 'warn', found: `this server calls itself ${name}, which has no address`, why, remedy }
}

async function checkDomain(domain: string, server: Server, dns: Dns): Promise<Finding[]> {
  try {
    return [await mxOf(domain, server, dns), ...(server.addresses.length > 0 ? [await spfOf(domain, server, dns)] : [])]
  } catch (error) {
    return [away(domain, 'dns-spf', error as NodeJS.ErrnoException)]
  }
}

export function away(name: string, id: string, { code }: NodeJS.ErrnoException): Finding {
  const found = `the DNS does not answer for ${name} (${code})`
  return { check: 'dns', id, result: 'warn', found, remedy: 'check the resolver, or name one with --dns-server' }
}

async function mxOf(domain: string, { name, addresses }: Server, dns: Dns): Promise<Finding> {
  const [check, id] = ['dns', 'dns-mx']
  const hosts = await dns.mailHosts(domain)
  if (hosts.length === 0) {
    const remedy = `${domain}. IN MX 10 ${name}., when its mail is to come here`
    return { check, id, result: 'warn', found: `${domain} has no MX`, remedy }
  }
  const theirs = (await Promise.all(hosts.map((host) => dns.addresses(host)))).flat()
  const isHere = hosts.includes(name) || theirs.some((address) => addresses.includes(address))
  return { check, id, result: 'ok', found: `mail for ${domain} goes to ${hosts.join(', ')}${isHere ? ': here' : ''}` }
}

async function spfOf(domain: string, { addresses }: Server, dns: Dns): Promise<Finding> {
  const [check, id] = ['dns', 'dns-spf']
  const record = await dns
    .texts(domain)
    .then(spfRecord)
    .catch(() => null)
  const answers = await Promise.all(
    addresses.map(async (address) => ({ address, ...(await spf(domain, address, dns)) })),
  )
  const unknown = answers.find((answer) => answer.kind === 'unknown')
  const why = 'others refuse mail that people send from here, or take it for spam'
  if (unknown?.kind === 'unknown') {
    const found = `whether the SPF of ${domain} lets this server send cannot be told: ${unknown.cause}`
    return { check, id, result: 'warn', found, why, remedy: 'look at it with a tool for SPF' }
  }
  const refused = answers.filter(({ kind }) => kind !== 'yes').map(({ address }) => address)
  if (refused.length === 0) return { check, id, result: 'ok', found: `the SPF of ${domain} lets this server send` }
  const terms = refused.map((address) => `${address.includes(':') ? 'ip6' : 'ip4'}:${address}`).join(' ')
  const mended = record === null ? `v=spf1 ${terms} mx ~all` : record.replace(/^v=spf1/i, `$& ${terms}`)
  const found =
    record === null ? `${domain} has no SPF` : `the SPF of ${domain} does not let ${refused.join(', ')} send`
  return { check, id, result: 'warn', found, why, remedy: `${domain}. IN TXT "${mended}"` }
}
