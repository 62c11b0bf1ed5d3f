import type { Command } from 'commander'
import { endpointText } from '../../model/endpoint.ts'
import type { Provider } from '../../model/provider.ts'
import type { Deps } from '../../operations/deps.ts'
import { testMx } from '../../operations/mx-test.ts'
import { trustTested } from '../../operations/provider-approval.ts'
import { loginTestRow, trySignIn } from '../../operations/provider-login-test.ts'
import { testProvider } from '../../operations/provider-test.ts'
import { showProvider } from '../../operations/providers.ts'
import { stepRow, type TestStep } from '../../operations/rows.ts'
import type { SourceAnswer } from '../../source/ports.ts'
import type { CliDeps } from '../deps.ts'
import { by } from '../terminal/actor.ts'
import { examples, username } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { CALLER } from '../terminal/operation-command.ts'
import { print, printList } from '../terminal/output.ts'
import { readPassword } from '../terminal/password-input.ts'
import { json, line } from '../terminal/text.ts'

interface Options {
  readonly mx?: boolean
  readonly sender?: string
  readonly signIn?: string
  readonly json?: boolean
}

export function addTest(provider: Command, { open }: CliDeps): void {
  const test = provider
    .command('test')
    .description(
      'test the connection step by step, and learn how it refuses a password; exit code 69 when a step fails',
    )
    .argument('<name>', 'name of the provider')
    .option(
      '--sign-in <user>',
      'instead, try the password of this user there, one line on standard input; nothing of it is kept; ' +
        'exit code 77 when it is refused, 75 when the old server could not be asked',
      username,
    )
    .option(
      '--mx',
      'instead, test the mail server that takes the mail of people who have not signed in yet: what it offers, its certificate, ' +
        'and whether it takes mail from this host, which should be the one where Dovecot runs; no message is sent',
    )
    .option(
      '--sender <address>',
      'with --mx: whose message it would be (default: postmaster of a domain of the provider)',
    )
    .option('--json', 'print the steps as one JSON array, or the sign-in as one JSON object')
  examples(
    test,
    'postferry provider test old',
    'postferry provider test old --sign-in anna@old.example <password-file',
    'postferry provider test old --mx',
  ).action(async (name: string, options: Options) => {
    if (options.mx && options.signIn !== undefined) throw new Failure(EXIT.usage, '--mx and --sign-in are two tests')
    if (options.sender !== undefined && !options.mx) throw new Failure(EXIT.usage, '--sender goes with --mx')
    await using deps = await open()
    if (options.mx) await testExchanger(deps, name, options)
    else if (options.signIn !== undefined) await testSignIn(deps, name, options.signIn, options)
    else await testSteps(deps, name, options)
  })
}

async function testSteps(deps: Deps, name: string, options: Options): Promise<void> {
  const { provider, steps } = await deps.perform(testProvider, { name }, CALLER())
  const failed = await tell(steps, options)
  if (failed !== undefined)
    throw new Failure(EXIT.unavailable, `provider ${name} cannot be used: ${failed.step} failed`)
  await tellTrust(deps, provider, options)
}

async function testExchanger(deps: Deps, name: string, options: Options): Promise<void> {
  const said = { name, ...(options.sender !== undefined && { sender: options.sender }) }
  const { provider, steps } = await deps.perform(testMx, said, CALLER())
  const failed = await tell(steps, options)
  if (failed !== undefined)
    throw new Failure(EXIT.unavailable, `mail cannot be handed to ${provider.mx}: ${failed.step} failed`)
}

/** Prints each step as it is taken. @returns the one that failed */
async function tell(steps: AsyncIterable<TestStep>, options: Options): Promise<TestStep | undefined> {
  const taken: TestStep[] = []
  for await (const step of steps) {
    taken.push(step)
    if (!options.json) await print(stepLines(step))
  }
  if (options.json) await printList(taken, { row: stepRow, columns: [] }, { json: true })
  return taken.find(({ ok }) => !ok)
}

async function tellTrust(deps: Deps, provider: Provider, options: Options): Promise<void> {
  const trust = await trustTested(provider, deps, by({}))
  if (trust === null || options.json) return
  const told = `this host sends kept passwords to ${endpointText(trust.approved)}`
  await print(
    `${line(trust.isNew ? `${told} from now on` : `${told} only: postferry provider approve ${provider.name}`)}\n`,
  )
}

const EXITS: Readonly<Record<Exclude<SourceAnswer['kind'], 'yes'>, number>> = {
  no: EXIT.permission,
  disabled: EXIT.permission,
  expired: EXIT.permission,
  trouble: EXIT.tempfail,
}

async function testSignIn(deps: Deps, name: string, username: string, options: Options): Promise<void> {
  await deps.perform(showProvider, { name }, CALLER())
  const password = await readPassword(`${username} on the old server`)
  const result = await deps.perform(trySignIn, { name, username, password }, CALLER())
  const row = loginTestRow(result)
  if (options.json) await print(`${json(row)}\n`)
  if (result.answer.kind !== 'yes') throw new Failure(EXITS[result.answer.kind], `${row.said}: ${row.remedy}`)
  if (!options.json) await print(`${row.said}\n`)
}

function stepLines({ step, ok, found, remedy }: TestStep): string {
  const result = `${(ok ? 'ok' : 'fail').padEnd(4)}  ${step.padEnd(12)}  ${line(found)}\n`
  return remedy === undefined ? result : `${result}      what to do:   ${line(remedy)}\n`
}
