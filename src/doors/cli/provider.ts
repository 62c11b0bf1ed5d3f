import { isIP } from 'node:net'
import type { Command } from 'commander'
import type { Provider } from '../../model/provider.ts'
import type { ProbeStep } from '../../policy/probe.ts'
import { by, withReason } from './actor.ts'
import { examples, host, providerName } from './arguments.ts'
import { EXIT, Failure } from './exit.ts'
import type { House, Outside } from './house.ts'
import { print, printDone, printList, printRecord } from './output.ts'
import { changedProvider, newProvider, type ProviderOptions, withProviderOptions } from './provider-options.ts'
import { providerList } from './rows.ts'
import { statusOfService } from './running.ts'
import { line } from './text.ts'

export function addProviderCommands(mailferry: Command, outside: Outside): void {
  const provider = mailferry.command('provider').description('old IMAP services that people come from')
  addAdd(provider, outside)
  addList(provider, outside)
  addShow(provider, outside)
  addSet(provider, outside)
  addRemove(provider, outside)
  addTest(provider, outside)
}

function addAdd(provider: Command, { open }: Outside): void {
  const add = provider
    .command('add')
    .description('add a provider')
    .argument('<name>', 'what it is called', providerName)
  withReason(withProviderOptions(add.requiredOption('--host <host>', 'DNS name or IP address', host)))
  examples(
    add.option('--json', 'print the provider as JSON'),
    'mailferry provider add old --host imap.old.example',
    "mailferry provider add isp --host mail.isp.example --tls starttls --login-name '%n' --exclude 'Spam*'",
  ).action(async (name: string, { reason, ...options }: ProviderOptions & { host: string; reason?: string }) => {
    const added = newProvider(name, options.host, options)
    await using house = await open()
    await house.providers.add(added, by({ reason }))
    await printDone(
      providerList.row(added),
      `provider ${name} is added; next: mailferry provider test ${name}`,
      options,
    )
  })
}

function addList(provider: Command, { open }: Outside): void {
  const list = provider.command('list').description('list the providers')
  examples(list.option('--json', 'print one JSON array'), 'mailferry provider list').action(async (options) => {
    await using house = await open()
    await printList(await house.providers.list(), providerList, options)
  })
}

function addShow(provider: Command, { open }: Outside): void {
  const show = provider
    .command('show')
    .description('show everything about a provider, and how the service on this host uses it')
    .argument('<name>')
  examples(show.option('--json', 'print one JSON object'), 'mailferry provider show old').action(
    async (name, options) => {
      await using house = await open()
      const row = providerList.row(await found(house, name))
      await printRecord({ ...row, ...(await usage(house, name)) }, options)
    },
  )
}

function addSet(provider: Command, { open }: Outside): void {
  const set = provider.command('set').description('change what is given, and nothing else').argument('<name>')
  withReason(withProviderOptions(set.option('--host <host>', 'DNS name or IP address', host)))
    .option('--no-ca-file', "trust the system's certificates again")
    .option('--no-fingerprint', 'trust any certificate that is properly signed again')
    .option('--no-forward-client', "do not tell the client's address any more")
    .option('--forget-refusal', 'forget how it refuses a password')
    .option('--no-window', 'copy mail at any hour again')
    .option('--no-reopens', 'keep finished migrations finished again')
    .option('--no-include', 'copy all mailboxes again')
    .option('--no-exclude', 'leave no mailbox out any more')
  examples(
    set.option('--json', 'print the provider as JSON'),
    'mailferry provider set old --ca-file /etc/mailferry/old-ca.pem',
    "mailferry provider set old --exclude Trash --exclude 'Spam*'",
    'mailferry provider set old --no-fingerprint',
    'mailferry provider set old --window 20:00-06:00',
  ).action(async (name: string, { reason, ...options }: ProviderOptions & { reason?: string }) => {
    if (Object.keys(options).every((option) => option === 'json'))
      throw new Failure(EXIT.usage, 'say what to change (--help shows how)')
    await using house = await open()
    const changed = changedProvider(await found(house, name), options)
    await house.providers.set(changed, by({ reason }))
    await printDone(
      providerList.row(changed),
      `provider ${name} is changed; next: mailferry provider test ${name}`,
      options,
    )
  })
}

function addRemove(provider: Command, { open }: Outside): void {
  const remove = provider.command('remove').description('remove a provider that nobody comes from').argument('<name>')
  examples(
    withReason(remove).option('--json', 'print the removed provider as JSON'),
    'mailferry provider remove old',
  ).action(async (name, options) => {
    await using house = await open()
    const removed = await found(house, name)
    await house.providers.remove(name, by(options))
    await printDone(providerList.row(removed), `provider ${name} is removed`, options)
  })
}

function addTest(provider: Command, { open }: Outside): void {
  const test = provider
    .command('test')
    .description('go to a provider step by step and see how it refuses a stranger; exit code 69 when a step fails')
    .argument('<name>')
  examples(test.option('--json', 'print the steps as one JSON array'), 'mailferry provider test old').action(
    async (name, options) => {
      await using house = await open()
      const steps: ProbeStep[] = []
      const provider = await found(house, name)
      for await (const step of house.probe(provider, await domainAt(house, provider))) {
        if (step.learned !== undefined) await keepRefusal(house, provider, step.learned)
        steps.push(step)
        if (!options.json) await print(stepLines(step))
      }
      if (options.json) await printList(steps, { row: (step) => ({ ...step }), columns: [] }, options)
      const failed = steps.find(({ ok }) => !ok)
      if (failed !== undefined)
        throw new Failure(EXIT.unavailable, `provider ${name} cannot be used: ${failed.step} failed`)
    },
  )
}

/** What the running service makes of a provider; null where none runs, or it has not asked there yet. */
async function usage({ settings }: House, name: string): Promise<Record<string, unknown>> {
  const status = (await statusOfService(settings.socket))?.find(({ provider }) => provider === name)
  return {
    breaker: status?.breaker ?? null,
    connections_in_use: status?.running ?? null,
    waiting: status?.waiting ?? null,
  }
}

async function found(house: House, name: string): Promise<Provider> {
  const provider = await house.providers.find(name)
  if (provider === null) throw noProvider(name)
  return provider
}

/** A mail domain of the provider; when it has none yet, one that looks like it. */
async function domainAt(house: House, { name, host }: Provider): Promise<string> {
  const own = (await house.domains.list()).find(({ provider }) => provider === name)
  return own?.name ?? (isIP(host) === 0 ? host : 'mailferry.invalid')
}

/** Keeps how a provider refuses, unless it has been pointed elsewhere since it was asked. */
async function keepRefusal(house: House, asked: Provider, refusal: string): Promise<void> {
  const now = await found(house, asked.name)
  if (now.host === asked.host && now.port === asked.port)
    await house.providers.set({ ...now, refusal }, by({ reason: 'learned by provider test' }))
}

export function noProvider(name: string): Failure {
  return new Failure(EXIT.data, `there is no provider ${name} (mailferry provider list shows them)`)
}

function stepLines({ step, ok, found, remedy }: ProbeStep): string {
  const result = `${(ok ? 'ok' : 'fail').padEnd(4)}  ${step.padEnd(12)}  ${line(found)}\n`
  return remedy === undefined ? result : `${result}      what to do:   ${line(remedy)}\n`
}
