import { type Address, inDomain } from '../model/address.ts'
import type { Alias } from '../model/alias.ts'
import type { By } from '../model/audit.ts'
import { Type } from '../model/json-schema.ts'
import { Refused } from '../model/refused.ts'
import { address } from './fields.ts'
import { many, operation, optional, text } from './operation.ts'
import { PAGE, pageAnswer, requestIn } from './page.ts'
import type { Domains, Page, PageRequest } from './ports.ts'
import { listOf, Text, the } from './schema.ts'
import { Alias as AliasSchema } from './schemas.ts'

/** One address that an alias leads to. */
export interface AliasTarget {
  /** Of the line of a file, or in the order they were said. */
  readonly number: number
  readonly address: string
  readonly target: string
}

export interface AddedAliases {
  /** Targets that were not there before. */
  readonly added: number
  readonly bad: readonly { readonly number: number; readonly reason: string }[]
  /** Targets of whom nothing is known here: they are elsewhere, or still at the source. */
  readonly unknown: readonly string[]
  readonly isWritten: boolean
}

export interface Aliases {
  /** By address. */
  page(request: PageRequest): Promise<Page<Alias>>
  find(address: string): Promise<Alias | null>
  /** Adds all or, when one of them is bad, none. */
  add(wanted: readonly AliasTarget[], how: { readonly isDryRun: boolean; readonly by: By }): Promise<AddedAliases>
  /** Takes one target away, or (null) all; returns those that were there. */
  remove(address: string, target: string | null, by: By): Promise<readonly string[]>
}

export interface AliasDeps {
  readonly aliases: Aliases
  readonly domains: Pick<Domains, 'list'>
}

const alias = text(address, 'the alias, by its new or old address')
const about = 'an address that its mail goes to'
const PLACEHOLDER = { placeholder: 'address' }

/**
 * What aliases are kept by: the new name of an address, unless several domains became one. There it does not tell whom the
 * old one means.
 */
export async function namesOf(all: readonly Address[], deps: Pick<AliasDeps, 'domains'>): Promise<string[]> {
  const domains = await deps.domains.list()
  const open = Map.groupBy(
    domains.filter(({ isClosed }) => !isClosed),
    ({ newDomain }) => newDomain,
  )
  const alone = domains.filter(({ name, newDomain }) => (open.get(newDomain) ?? []).every((one) => one.name === name))
  const newDomains = new Map(alone.map(({ name, newDomain }) => [name, newDomain]))
  return all.map((typed) => inDomain(typed, newDomains.get(typed.domain) ?? typed.domain).text)
}

function aliasRow({ address, targets }: Alias) {
  return { address, targets }
}

export const addAlias = operation({
  ...{ name: 'alias.add', permission: 'own' },
  summary: 'Send mail for an address that nobody has to others; those that it goes to already stay',
  fields: { address: alias, target: many(text(address, about, PLACEHOLDER)) },
  answer: {
    schema: Type.Object({ ...AliasSchema.properties, unknown: listOf(Text) }),
    row: ({ alias, unknown }: { alias: Alias; unknown: readonly string[] }) => ({ ...aliasRow(alias), unknown }),
  },
  async run({ address: typed, target: typedTargets }, { aliases, ...deps }: AliasDeps, by) {
    if (typedTargets.length === 0)
      throw new Refused('invalid', 'an alias leads somewhere', { target: 'It is missing.' })
    const [address = '', ...targets] = await namesOf([typed, ...typedTargets], deps)
    const wanted = targets.map((target, at) => ({ number: at, address, target }))
    const { added, bad, unknown } = await aliases.add(wanted, { isDryRun: false, by })
    const [first] = bad
    if (first !== undefined) {
      throw new Refused('conflict', `${address} cannot go to ${targets[first.number]}: ${first.reason}`)
    }
    if (added === 0) throw new Refused('conflict', `${address} goes to ${targets.join(', ')} already`)
    return { alias: (await aliases.find(address)) ?? { address, targets }, unknown }
  },
})

export const listAliases = operation({
  ...{ name: 'alias.list', permission: 'see', summary: 'List the aliases', fields: PAGE },
  answer: pageAnswer(AliasSchema, aliasRow),
  run: async (page, { aliases }: Pick<AliasDeps, 'aliases'>) => await aliases.page(requestIn(page)),
})

export const removeAlias = operation({
  ...{ name: 'alias.remove', permission: 'own', summary: 'Remove an alias, or one of the addresses it goes to' },
  fields: { address: alias, target: optional(text(address, `${about}; the others stay`, PLACEHOLDER)) },
  answer: { schema: the(AliasSchema), row: aliasRow },
  async run({ address: typed, target: typedTarget }, { aliases, ...deps }: AliasDeps, by) {
    const [address = '', target = null] = await namesOf([typed, ...(typedTarget ? [typedTarget] : [])], deps)
    const targets = await aliases.remove(address, target, by)
    if (targets.length > 0) return { address, targets }
    throw new Refused('not-found', `there is no alias ${address}${target === null ? '' : ` to ${target}`}`)
  },
})
