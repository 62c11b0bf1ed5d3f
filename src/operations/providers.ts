import type { CopyingHosts } from '../copying/copying-hosts.ts'
import { AT_ONCE, atOnceFlaw, chosenCutover } from '../model/cutover.ts'
import type { Provider } from '../model/provider.ts'
import { type Confirmed, changedProvider, newProvider, type ProviderChanges } from '../model/provider-changes.ts'
import { PROVIDER_FIELDS, PROVIDER_ROWS, type ProviderField } from '../model/provider-fields.ts'
import { Refused } from '../model/refused.ts'
import type { AtOnce } from '../source/probe.ts'
import { readableCa } from './ca-file.ts'
import { providerName } from './fields.ts'
import { type Answer, clearable, type Field, flag, many, operation, optional, resolved, text } from './operation.ts'
import type { Providers } from './ports.ts'
import { providerRow } from './rows.ts'
import { listOf, the } from './schema.ts'
import { AddedProvider as AddedProviderSchema, Provider as ProviderSchema } from './schemas.ts'

interface Finding {
  readonly providers: Pick<Providers, 'find'>
}

/** @throws Refused */
async function namedProvider(name: string, { providers }: Finding): Promise<Provider> {
  const provider = await providers.find(name)
  if (provider === null) throw new Refused('not-found', `there is no provider ${name}`)
  return provider
}

/** The provider that an operation is about. */
export const NAMED = resolved(text(String, 'name of the provider'), namedProvider)

/** The provider that something refers to. */
export function providerField(about: string) {
  return resolved(text(String, about, { placeholder: 'name' }), async (name, { providers }: Finding) => {
    const provider = await providers.find(name)
    if (provider === null) throw new Refused('invalid', `There is no provider ${name}.`)
    return provider
  })
}

const SETTINGS: Readonly<Record<string, Field<unknown>>> = Object.fromEntries(
  PROVIDER_ROWS.map(([, row]) => [row.name, fieldOf(row)]),
)

function fieldOf(row: ProviderField<unknown>): Field<unknown> {
  const read = text(row.read, row.about, row)
  const one = row === PROVIDER_FIELDS.caFile ? resolved(read, async (file) => readableCa(String(file))) : read
  if (row.isMany) return optional(many(one))
  return optional(row.takeAway === undefined || isTick(row) ? one : clearable(one))
}

/** There is nothing yet to take away. */
function fieldOfNew(row: ProviderField<unknown>): Field<unknown> {
  const { takeAway: _, ...field } = fieldOf(row)
  return row.chosen === undefined ? field : { ...field, fallback: row.chosen }
}

function isTick({ schema }: ProviderField<unknown>): boolean {
  return 'type' in schema && schema.type === 'boolean'
}

/** What is said of a provider, by the names of the model. */
function changesIn(input: Readonly<Record<string, unknown>>): ProviderChanges {
  return Object.fromEntries(PROVIDER_ROWS.map(([key, { name }]) => [key, input[name]]))
}

const ANSWER: Answer<Provider> = { schema: the(ProviderSchema), row: providerRow }

export const addProvider = operation({
  ...{ name: 'provider.add', permission: 'own', summary: 'Add a provider' },
  fields: {
    name: text(providerName, 'what it is called'),
    ...Object.fromEntries(PROVIDER_ROWS.map(([, row]) => [row.name, fieldOfNew(row)])),
    host: text(PROVIDER_FIELDS.host.read, PROVIDER_FIELDS.host.about) as Field<string>,
  },
  answer: {
    schema: the(AddedProviderSchema),
    row: ({ why, ...added }: AddedProvider) => ({ ...providerRow(added), ...(why !== null && { cutover_why: why }) }),
  },
  async run({ name, host, ...input }, deps: Adding, by): Promise<AddedProvider> {
    const { providers, copyingHosts } = deps
    const said: ProviderChanges & { readonly host: string } = { ...changesIn(input), host }
    const asSaid = newProvider(name, said)
    const hosts = await copyingHosts.able()
    const { cutover, why } = await cutoverOf(said, asSaid, hosts, deps)
    const added = newProvider(name, { ...said, cutover })
    await providers.add(added, by)
    return { ...added, why }
  },
})

/** How people of a new provider move, and why that was chosen. @throws Refused where somebody says what cannot be */
async function cutoverOf(
  { cutover }: ProviderChanges,
  asSaid: Provider,
  hosts: Awaited<ReturnType<CopyingHosts['able']>>,
  deps: Proxying,
): Promise<Pick<AddedProvider, 'cutover' | 'why'>> {
  if (cutover === 'immediate') return { cutover, why: null }
  if (cutover === 'proxied') {
    await refuseTooFew(asSaid, deps)
    return { cutover, why: null }
  }
  const chosen = chosenCutover(asSaid, hosts)
  const flaw = chosen.cutover === 'proxied' ? await tooFew(asSaid, deps) : null
  return flaw === null ? chosen : { cutover: 'immediate', why: `${flaw.why}: ${flaw.remedy}` }
}

interface Proxying {
  /** How many connections at once the old server takes from here, up to so many. */
  connectionsAtOnce(provider: Provider, most: number): Promise<AtOnce>
}

async function tooFew(provider: Provider, { connectionsAtOnce }: Proxying) {
  return atOnceFlaw(provider, await connectionsAtOnce(provider, AT_ONCE))
}

/** @throws Refused where so few sessions at once would come to their mail */
async function refuseTooFew(provider: Provider, deps: Proxying): Promise<void> {
  const flaw = await tooFew(provider, deps)
  if (flaw !== null) throw new Refused('conflict', `${flaw.why}: ${flaw.remedy}`)
}

interface Adding extends Proxying {
  readonly providers: Pick<Providers, 'add'>
  readonly copyingHosts: Pick<CopyingHosts, 'able'>
}

/** Null: somebody has said how its people move. */
type AddedProvider = Provider & { readonly why: string | null }

/** What was chosen where nobody has said it. */
export function addedText({ name, cutover, why }: AddedProvider): string {
  return `${name} is added${why === null ? '' : `, ${cutover} because ${why}`}`
}

export const listProviders = operation({
  ...{ name: 'provider.list', permission: 'see', summary: 'List the providers', fields: {} },
  answer: { schema: listOf(the(ProviderSchema)), row: (found: readonly Provider[]) => found.map(providerRow) },
  run: async (_, { providers }: { providers: Pick<Providers, 'list'> }) => await providers.list(),
})

export const showProvider = operation({
  ...{ name: 'provider.show', permission: 'see', summary: 'Show the settings of a provider, and its last test' },
  fields: { name: NAMED },
  answer: { schema: ANSWER.schema, row: shownRow },
  async run({ name: provider }, { copyingHosts }: { copyingHosts: Pick<CopyingHosts, 'able'> }): Promise<Shown> {
    return { ...provider, chosen: provider.engine === 'auto' ? await copyingHosts.able() : [] }
  },
})

type Shown = Provider & { readonly chosen: Awaited<ReturnType<CopyingHosts['able']>> }

/** With what `auto` comes to on each copying host. */
export function shownRow({ chosen, ...provider }: Shown): Record<string, unknown> {
  const copiesWith = chosen.map(({ host, engine, why }) => `${host}: ${engine} (${why})`)
  return { ...providerRow(provider), ...(copiesWith.length > 0 && { copies_with: copiesWith }) }
}

export interface ChangedProvider {
  readonly before: Provider
  readonly after: Provider
}

const CHANGE = {
  permission: 'own',
  fields: {
    name: NAMED,
    ...SETTINGS,
    forget_refusal: flag('forget how it refuses a password; the next test learns it again'),
    plain_text: flag('with tls none: passwords may travel in the clear from now on'),
  },
  answer: { schema: ANSWER.schema, row: ({ after }: ChangedProvider) => providerRow(after) },
} as const

export const setProvider = operation({
  ...{ ...CHANGE, name: 'provider.set', summary: 'Change what is given of a provider, and nothing else' },
  async run(input, { providers, ...deps }: { providers: Pick<Providers, 'set'> } & Proxying, by) {
    const changed = changeIn(input)
    const { before, after } = changed
    if (after.cutover === 'proxied' && before.cutover !== 'proxied') await refuseTooFew(after, deps)
    await providers.set(changed.after, by, changed.before)
    return changed
  },
})

/** The same, but nothing is kept: for who has to be asked once more. */
export const previewProvider = operation({
  ...{ ...CHANGE, isAudited: false, name: 'provider.preview', summary: 'Show what a change of a provider would do' },
  run: async (input) => changeIn(input),
})

function changeIn(input: {
  readonly name: Provider
  readonly forget_refusal?: boolean | undefined
  readonly plain_text?: boolean | undefined
  readonly [name: string]: unknown
}): ChangedProvider {
  const { name: before, forget_refusal: forgetRefusal, plain_text: plainText, reason: _, ...settings } = input
  const confirmed: Confirmed = { forgetRefusal, plainText }
  if ([forgetRefusal, plainText, ...Object.values(settings)].every((said) => said === undefined)) {
    throw new Refused('invalid', 'say what to change')
  }
  return { before, after: changedProvider(before, changesIn(settings), confirmed) }
}

export const removeProvider = operation({
  ...{ name: 'provider.remove', permission: 'own', summary: 'Remove a provider that has no domains and no migrations' },
  fields: { name: NAMED },
  answer: ANSWER,
  async run({ name: provider }, { providers }: { providers: Pick<Providers, 'remove'> }, by) {
    await providers.remove(provider.name, by)
    return provider
  },
})
