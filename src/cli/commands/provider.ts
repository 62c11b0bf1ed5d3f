import type { Command } from 'commander'
import { endpointOf, isSameEndpoint } from '../../model/endpoint.ts'
import type { Provider } from '../../model/provider.ts'
import type { House } from '../../operations/house.ts'
import { changedProvider, newProvider } from '../../operations/provider-fields.ts'
import { usageRow } from '../../operations/rows.ts'
import type { CliDeps } from '../deps.ts'
import { by, withReason } from '../terminal/actor.ts'
import { examples, host, providerName } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { printDone, printList, printRecord } from '../terminal/output.ts'
import { providerList } from '../terminal/rows.ts'
import { statusOf } from '../terminal/running.ts'
import { namedProvider } from './named-provider.ts'
import { addApprove } from './provider-approve.ts'
import { type ProviderOptions, withProviderOptions } from './provider-options.ts'
import { addTest } from './provider-test.ts'

export function addProviderCommands(postferry: Command, deps: CliDeps): void {
  const provider = postferry.command('provider').description('old IMAP services that people come from')
  addAdd(provider, deps)
  addList(provider, deps)
  addShow(provider, deps)
  addSet(provider, deps)
  addRemove(provider, deps)
  addTest(provider, deps)
  addApprove(provider, deps)
}

function addAdd(provider: Command, { open }: CliDeps): void {
  const add = provider
    .command('add')
    .description('add a provider')
    .argument('<name>', 'what it is called', providerName)
  withReason(withProviderOptions(add.requiredOption('--host <host>', 'DNS name or IP address', host)))
  examples(
    add.option('--json', 'print the provider as JSON'),
    'postferry provider add old --host imap.old.example',
    "postferry provider add isp --host mail.isp.example --tls starttls --login-name '%n' --exclude 'Spam*'",
  ).action(async (name: string, options: ProviderOptions & { host: string }) => {
    const { json: _, reason: __, ...fields } = options
    const added = newProvider(name, fields.host, fields)
    await using house = await open()
    await house.providers.add(added, by(options))
    await printDone(
      providerList.row(added),
      `provider ${name} is added; next: postferry provider test ${name}`,
      options,
    )
  })
}

function addList(provider: Command, { open }: CliDeps): void {
  const list = provider.command('list').description('list the providers')
  examples(list.option('--json', 'print one JSON array'), 'postferry provider list').action(async (options) => {
    await using house = await open()
    await printList(await house.providers.list(), providerList, options)
  })
}

function addShow(provider: Command, { open }: CliDeps): void {
  const show = provider
    .command('show')
    .description('show everything about a provider, and how the service on this host uses it')
    .argument('<name>')
  examples(show.option('--json', 'print one JSON object'), 'postferry provider show old').action(
    async (name, options) => {
      await using house = await open()
      const row = providerList.row(await namedProvider(house, name))
      await printRecord({ ...row, ...(await usage(house, name)) }, options)
    },
  )
}

function addSet(provider: Command, { open }: CliDeps): void {
  const set = provider.command('set').description('change what is given, and nothing else').argument('<name>')
  withReason(withProviderOptions(set.option('--host <host>', 'DNS name or IP address', host)))
    .option('--plain-text', 'with --tls none: passwords may travel in the clear from now on')
    .option('--no-ca-file', "trust the system's certificates again")
    .option('--no-fingerprint', 'trust any certificate that is properly signed again')
    .option('--no-forward-client', "do not tell the client's address any more")
    .option('--forget-refusal', 'forget how it refuses a password')
    .option('--no-copy-connections', 'let copying have three quarters of the connections again')
    .option('--no-window', 'copy mail at any hour again')
    .option('--no-reopens', 'keep finished migrations finished again')
    .option('--no-include', 'copy all mailboxes again')
    .option('--no-exclude', 'leave no mailbox out any more')
  examples(
    set.option('--json', 'print the provider as JSON'),
    'postferry provider set old --ca-file /etc/postferry/old-ca.pem',
    "postferry provider set old --exclude Trash --exclude 'Spam*'",
    'postferry provider set old --no-fingerprint',
    'postferry provider set old --window 20:00-06:00',
  ).action(async (name: string, options: ProviderOptions) => {
    const { json: _, reason: __, ...fields } = options
    if (Object.keys(fields).length === 0) throw new Failure(EXIT.usage, 'say what to change (--help shows how)')
    await using house = await open()
    const before = await namedProvider(house, name)
    const changed = changedProvider(before, fields)
    await house.providers.set(changed, by(options))
    const next = `postferry provider test ${name}${approval(before, changed)}`
    await printDone(providerList.row(changed), `provider ${name} is changed; next: ${next}`, options)
  })
}

function approval(before: Provider, now: Provider): string {
  if (isSameEndpoint(endpointOf(before), endpointOf(now))) return ''
  return `, and postferry provider approve ${now.name} on the copying host, which copies nothing from there before`
}

function addRemove(provider: Command, { open }: CliDeps): void {
  const remove = provider.command('remove').description('remove a provider that nobody comes from').argument('<name>')
  examples(
    withReason(remove).option('--json', 'print the removed provider as JSON'),
    'postferry provider remove old',
  ).action(async (name, options) => {
    await using house = await open()
    const removed = await namedProvider(house, name)
    await house.providers.remove(name, by(options))
    await printDone(providerList.row(removed), `provider ${name} is removed`, options)
  })
}

/** What the running service makes of a provider; null where none runs, or it has not asked there yet. */
async function usage({ settings }: House, name: string): Promise<Record<string, unknown>> {
  return usageRow(await statusOf(name, settings.socket))
}
