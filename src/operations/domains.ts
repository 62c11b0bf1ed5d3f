import { type Domain, mergedWith, type ServedDomain } from '../model/domain.ts'
import type { Provider } from '../model/provider.ts'
import { Refused } from '../model/refused.ts'
import { domain } from './fields.ts'
import { type Answer, flag, operation, optional, text } from './operation.ts'
import type { Domains } from './ports.ts'
import { providerField } from './providers.ts'
import { listOf, the } from './schema.ts'
import { Domain as DomainSchema } from './schemas.ts'

const name = text(domain, 'domain on the old server')
const ANSWER: Answer<Domain> = { schema: the(DomainSchema), row: domainRow }

function domainRow({ name, newDomain, provider, isClosed }: Domain) {
  return { domain: name, new_domain: newDomain, provider, closed: isClosed }
}

export interface AddedDomain {
  readonly domain: Domain
  readonly provider: Provider
  /** Whom the domain becomes one with on the new server; null: nobody. */
  readonly merging: string | null
}

export const addDomain = operation({
  ...{ name: 'domain.add', permission: 'own' },
  summary: 'Let the people of a domain sign in: their accounts are made at the first right password',
  fields: {
    domain: name,
    provider: providerField('name of the provider that serves it'),
    new_domain: optional(text(domain, 'its name on the new server', { fallback: 'the same' })),
    shared_names: flag('log in at the provider without the domain: one name in several of its domains is one person'),
  },
  answer: { schema: ANSWER.schema, row: ({ domain }: AddedDomain) => domainRow(domain) },
  async run(
    { domain: name, provider, new_domain: newDomain = name, shared_names: sharesNames = false },
    { domains }: { domains: Domains },
    by,
  ) {
    const domain = { name, newDomain, provider: provider.name, isClosed: false }
    await domains.add({ name, newDomain, provider: provider.name, sharesNames }, by)
    return { domain, provider, merging: mergingText(domain, await domains.list()) }
  },
})

export const listDomains = operation({
  ...{ name: 'domain.list', permission: 'see', summary: 'List the domains', fields: {} },
  answer: { schema: listOf(the(DomainSchema)), row: (found: readonly Domain[]) => found.map(domainRow) },
  run: async (_, { domains }: { domains: Pick<Domains, 'list'> }) => await domains.list(),
})

export const removeDomain = operation({
  ...{ name: 'domain.remove', permission: 'own' },
  summary:
    'Close a domain whose migrations are all finished: no new accounts, and mail for unknown people is refused; accounts stay',
  fields: { domain: name },
  answer: ANSWER,
  async run({ domain: name }, { domains }: { domains: Domains }, by) {
    const there = (await domains.list()).find((domain) => domain.name === name)
    const outcome = await domains.remove(name, by)
    if (there === undefined || outcome === null) throw new Refused('not-found', `there is no domain ${name}`)
    return { ...there, isClosed: outcome === 'closed' }
  },
})

/** What became of a domain that was to be removed. */
export function domainRemoved({ name, newDomain, isClosed }: Domain): string {
  if (!isClosed) return `domain ${name} is removed`
  const names = newDomain === name ? '' : `, by ${name} and by ${newDomain}`
  return `domain ${name} is closed: nobody new can sign in, and mail for whom nobody knows here is refused; who is here stays${names}`
}

/** What becomes of people when several domains become one; null: nothing does. */
export function mergingText(added: ServedDomain, there: readonly ServedDomain[]): string | null {
  const merged = mergedWith(added, there).map(({ name }) => name)
  if (merged.length === 0) return null
  return (
    `${merged.join(', ')} and ${added.name} become ${added.newDomain} together: whoever comes as anna@${added.newDomain} is asked ` +
    'for at each of them; of two people with one name the first to come gets the address, and "postferry report" names the other'
  )
}

/**
 * What a new domain means for its people, as far as the last test of its provider tells. @param test how to make one
 */
export function domainAdded(domain: string, { name, lastTest }: Provider, test: string): string {
  if (lastTest === null) return `${domain} is added; ${name} was not tested yet as it is now: ${test}`
  if (lastTest.failedStep === null) return `the people of ${domain} can sign in now`
  return `${domain} is added, but nobody can sign in: the last test of ${name} failed (${lastTest.failedStep}); ${test}`
}

/** Whether they can. */
export function isReachable({ lastTest }: Provider): boolean {
  return lastTest?.failedStep === null
}
