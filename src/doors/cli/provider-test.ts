import type { Command } from 'commander'
import type { Provider } from '../../model/provider.ts'
import type { ProbeStep } from '../../policy/probe.ts'
import type { House } from '../house.ts'
import { stepRow } from '../rows.ts'
import { by } from './actor.ts'
import { examples } from './arguments.ts'
import { EXIT, Failure } from './exit.ts'
import { namedProvider } from './named-provider.ts'
import { print, printList } from './output.ts'
import type { Outside } from './outside.ts'
import { line } from './text.ts'

interface Options {
  readonly json?: boolean
}

export function addTest(provider: Command, { open }: Outside): void {
  const test = provider
    .command('test')
    .description('go to a provider step by step and see how it refuses a stranger; exit code 69 when a step fails')
    .argument('<name>')
    .option('--json', 'print the steps as one JSON array')
  examples(test, 'mailferry provider test old').action(async (name: string, options: Options) => {
    await using house = await open()
    await testSteps(house, await namedProvider(house, name), options)
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
  if (failed === undefined) return
  throw new Failure(EXIT.unavailable, `provider ${provider.name} cannot be used: ${failed.step} failed`)
}

function stepLines({ step, ok, found, remedy }: ProbeStep): string {
  const result = `${(ok ? 'ok' : 'fail').padEnd(4)}  ${step.padEnd(12)}  ${line(found)}\n`
  return remedy === undefined ? result : `${result}      what to do:   ${line(remedy)}\n`
}
