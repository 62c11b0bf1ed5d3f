import type { Account, Namespace } from '../../model/account.ts'
import { MANAGESIEVE_PORT, type Provider } from '../../model/provider.ts'
import type { SessionRoute } from '../../model/session-route.ts'
import type { Delivery, Mx } from '../../routing/delivery.ts'

type Fields = Record<string, string>

/** An account as Dovecot's userdb extra fields. */
export function userdbFields({ home, quotaBytes, namespace, pop3Uidl }: Account): Fields {
  const quota = quotaBytes === null ? {} : quotaFields(quotaBytes)
  const uidl = pop3Uidl && { pop3_uidl_format: UIDLS[pop3Uidl] }
  return { home, ...quota, ...(namespace && namesFields(namespace)), ...uidl }
}

/** In the words of Dovecot 2.3, which postferry.lua translates for 2.4. */
const UIDLS = { cyrus: '%v.%u', uid: '%u' } as const

/**
 * Folders keep the names that mail programs know them by. The namespace is called `inbox` in deploy/dovecot, and has no
 * prefix there: Dovecot 2.3 takes a field without a value for `yes`.
 */
function namesFields({ prefix, separator }: Namespace): Fields {
  return { ...(prefix !== '' && { 'namespace/inbox/prefix': prefix }), 'namespace/inbox/separator': separator }
}

/** In the words of Dovecot 2.3 and of 2.4, which each ignore the other's. */
function quotaFields(bytes: number): Fields {
  return { quota_rule: `*:bytes=${bytes}`, quota_storage_size: `${bytes}B` }
}

/** The same as passdb extra fields, so that Dovecot needs no userdb look-up after a sign-in (userdb prefetch). */
export function passdbFields(account: Account): Fields {
  const fields: Fields = {}
  for (const [name, value] of Object.entries(userdbFields(account))) fields[`userdb_${name}`] = value
  return fields
}

/**
 * How long Dovecot waits for the old server's answer to a message: who gives up too early delivers twice. RFC 5321 (section
 * 4.5.3.2.6) lets it take 10 minutes, but Dovecot waits 5 at most, whatever it is told, and 125 s when it is told nothing.
 */
const MX_LIMIT_SECONDS = 300

const TLS_FIELDS: Readonly<Record<Mx['tls'], Fields>> = {
  verified: { starttls: 'yes' },
  encrypted: { starttls: 'any-cert' },
  none: {},
}

/** With these Dovecot's LMTP hands a message to the old server. */
export function proxyFields({ mx, renamed }: Extract<Delivery, { to: 'source' }>): Fields {
  return {
    ...{ proxy: 'y', protocol: 'smtp', host: mx.host, port: String(mx.port), ...TLS_FIELDS[mx.tls] },
    proxy_timeout: String(MX_LIMIT_SECONDS),
    ...(renamed && { destuser: renamed.text }),
  }
}

type ToSource = Extract<SessionRoute, { to: 'source' }>

/** What the login itself may take at the old server; whoever is let in later than that comes back. */
const LOGIN_LIMIT_SECONDS = 10

/**
 * With these Dovecot hands a session to the old server, with the password that the person has typed. A certificate is
 * always verified: for that Dovecot has to trust the same authorities.
 */
export function sessionFields({ provider, username }: ToSource, service: unknown): Fields {
  const { port, tls } = PROTOCOLS.get(service)?.(provider) ?? provider
  return {
    ...{ proxy: 'y', host: provider.host, port: String(port), destuser: username },
    ...(tls === 'implicit' ? { ssl: 'yes' } : tls === 'starttls' ? { starttls: 'yes' } : {}),
    proxy_timeout: String(LOGIN_LIMIT_SECONDS),
  }
}

type At = Pick<Provider, 'port' | 'tls'>

/** How others than IMAP are reached. ManageSieve knows no TLS from the start (RFC 5804). */
const PROTOCOLS: ReadonlyMap<unknown, (provider: Provider) => At> = new Map([
  ['pop3', ({ pop3Port, tls }) => ({ tls, port: pop3Port ?? (tls === 'implicit' ? 995 : 110) })],
  [
    'sieve',
    ({ sievePort, tls }) => ({ tls: tls === 'none' ? 'none' : 'starttls', port: sievePort ?? MANAGESIEVE_PORT }),
  ],
])

export class NoString extends Error {}

/**
 * A person's name and fields, as they may leave: Dovecot understands nothing but strings in there, whatever the types
 * of what came from the database promise.
 * @throws NoString
 */
export function onlyStrings(user: string, fields: Fields): { readonly user: string; readonly fields: Fields } {
  for (const [name, value] of Object.entries({ user, ...fields }) as [string, unknown][]) {
    if (typeof value !== 'string' || (name === 'user' && value === ''))
      throw new NoString(`the answer would have a ${name} that is no string`)
  }
  return { user, fields }
}
