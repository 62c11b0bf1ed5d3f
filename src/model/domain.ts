import type { LoginName } from './provider.ts'

/** A mail domain that a provider serves, and the domain that its addresses get on the destination. */
export interface ServedDomain {
  readonly name: string
  readonly newDomain: string
  readonly provider: string
}

export interface Domain extends ServedDomain {
  /** It only knows who came from there: nobody new is taken in, and mail for anybody else is refused. */
  readonly isClosed: boolean
}

/** So many old domains become one at most: each of them is asked about whoever signs in there for the first time. */
export const MOST_MERGED = 8

/**
 * From which of the domains that become this one an address in it is; null: from several, and the name does not tell, or
 * from none.
 */
export function sourceOf<T extends { readonly oldDomain: string }>(domain: string, sources: readonly T[]): T | null {
  const [only, another] = sources
  return sources.find(({ oldDomain }) => oldDomain === domain) ?? (another === undefined ? (only ?? null) : null)
}

/** What decides whether the people of two domains can be told apart. */
export interface Telling {
  /** What the new domain's provider is asked with. */
  readonly loginName: LoginName
  /** Template of homes on the destination. */
  readonly home: string
  /** Somebody said that whoever has one name in several domains is one person there. */
  readonly sharesNames: boolean
}

/** Why a domain cannot be added beside those that are there, and what to do; null: it can. */
export function objectionTo(
  added: ServedDomain,
  there: readonly (ServedDomain & Partial<Domain>)[],
  telling: Telling,
): string | null {
  const others = there.filter(({ newDomain }) => newDomain !== added.newDomain)
  const chained = chainOf(added, there)
  if (chained !== undefined) {
    return `${chained.name} becomes ${chained.newDomain} already: ${added.name} cannot become ${added.newDomain} as well`
  }
  const asked = there.filter(({ isClosed = false }) => !isClosed)
  if (mergedWith(added, asked).length >= MOST_MERGED) {
    return `${MOST_MERGED} domains become ${added.newDomain} already: each is asked about whoever signs in, so no more can`
  }
  const [other] = others
  if (other !== undefined && !/%[du]/.test(telling.home)) {
    return `with POSTFERRY_HOME=${telling.home} a person of ${added.newDomain} and one of ${other.newDomain} would share a home: put %d or %u into it first`
  }
  const alike = others.find(({ provider }) => provider === added.provider)
  if (alike !== undefined && telling.loginName === '%n' && !telling.sharesNames) {
    return `provider ${added.provider} is asked without the domain (--login-name %n), so it takes anna@${added.name} and anna@${alike.name} for one person: give both domains the same new one, or say that they are one (--shared-names; shared_names): then whoever comes first has the account`
  }
  return null
}

/** Why a closed domain cannot be opened again like this, and how it can; null: it can. */
export function objectionToOpening({ name, newDomain, provider }: ServedDomain, closed: Domain): string | null {
  const isRenamed = closed.name !== closed.newDomain
  if (newDomain === closed.newDomain && (provider === closed.provider || !isRenamed)) return null
  const again = `--provider ${isRenamed ? closed.provider : provider}${isRenamed ? ` --new-domain ${closed.newDomain}` : ''}`
  return `${name} is closed, and who came from there is in ${closed.newDomain}: add it with ${again}`
}

/** The domains that become the same one. */
export function mergedWith({ name, newDomain }: ServedDomain, there: readonly ServedDomain[]): ServedDomain[] {
  return there.filter((other) => other.newDomain === newDomain && other.name !== name)
}

/** An address must not have to be renamed twice: it would be two people's. */
function chainOf({ name, newDomain }: ServedDomain, there: readonly ServedDomain[]): ServedDomain | undefined {
  if (name === newDomain) return undefined
  const renamed = there.filter((other) => other.name !== other.newDomain)
  return renamed.find((other) => other.name === newDomain || other.newDomain === name)
}
