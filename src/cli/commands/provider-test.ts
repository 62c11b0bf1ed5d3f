import type { Command } from 'commander'
import type { Provider } from '../../model/provider.ts'
import type { House } from '../../operations/house.ts'
import { stepRow, trialRow } from '../../operations/rows.ts'
import type { SourceAnswer } from '../../source/ports.ts'
import type { ProbeStep } from '../../source/probe.ts'
import type { CliDeps } from '../deps.ts'
import { by } from '../terminal/actor.ts'
import { examples, username } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { print, printList } from '../terminal/output.ts'
import { readPassword } from '../terminal/password-input.ts'
import { json, line } from '../terminal/text.ts'
import { namedProvider } from './named-provider.ts'
import { approveTested } from './provider-approve.ts'

interface Options {
  readonly signIn?: string
  readonly json?: boolean
}

export function addTest(provider: Command, { open }: CliDeps): void {
  const test = provider
    .command('test')
    .description('go to a provider step by step and see how it refuses a stranger; exit code 69 when a step fails')
    .argument('<name>')
    .option(
      '--sign-in <user>',
      'instead, try the password of this user there, one line on standard input; nothing of it is kept; ' +
        'exit code 77 when it is refused, 75 when the old server could not be asked',
      username,
    )
    .option('--json', 'print the steps as one JSON array, or the sign-in as one JSON object')
  examples(
    test,
    'postferry provider test old',
    'postferry provider test old --sign-in anna@old.example <password-file',
  ).action(async (name: string, options: Options) => {
    await using house = await open()
    const provider = await namedProvider(house, name)
    await (options.signIn === undefined
      ? testSteps(house, provider, options)
      : testSignIn(house, provider, options.signIn, options))
  })
}

async function testSteps(house: House, provider: Provider, options: Options): Promise<void> {
  const steps: ProbeStep[] = []
  for await (const step of house.testProvider(provider, by({}).actor)) {
    steps.push(step)
    if (!options.json) await print(stepLines(step))
  }
  if (options.json) await printList(steps, { row: stepRow, columns: [] }, { json: true })
  const failed = steps.find(({ ok }) => !ok)
  if (failed === undefined) return await tellApproval(provider, house, options)
  throw new Failure(EXIT.unavailable, `provider ${provider.name} cannot be used: ${failed.step} failed`)
}

async function tellApproval(provider: Provider, house: House, options: Options): Promise<void> {
  const said = await approveTested(provider, house)
  if (said !== null && !options.json) await print(`${line(said)}\n`)
}

const EXITS: Readonly<Record<Exclude<SourceAnswer['kind'], 'yes'>, number>> = {
  no: EXIT.permission,
  disabled: EXIT.permission,
  expired: EXIT.permission,
  trouble: EXIT.tempfail,
}

async function testSignIn(house: House, provider: Provider, username: string, options: Options): Promise<void> {
  const password = await readPassword(`${username} on the old server`)
  const answer = await house.trySignIn(provider, username, password)
  const row = trialRow(answer, provider)
  if (options.json) await print(`${json(row)}\n`)
  if (answer.kind !== 'yes') throw new Failure(EXITS[answer.kind], `${row.said}: ${row.remedy}`)
  if (!options.json) await print(`${row.said}\n`)
}

function stepLines({ step, ok, found, remedy }: ProbeStep): string {
  const result = `${(ok ? 'ok' : 'fail').padEnd(4)}  ${step.padEnd(12)}  ${line(found)}\n`
  return remedy === undefined ? result : `${result}      what to do:   ${line(remedy)}\n`
}
