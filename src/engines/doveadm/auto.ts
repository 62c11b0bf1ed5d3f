import type { Engine } from '../../copying/ports.ts'
import type { Result } from '../../model/attempt.ts'
import type { EngineName } from '../../model/provider.ts'
import { preferred } from './preferred.ts'

type Running = Pick<Engine, 'run'>

/** doveadm where it can run; what it cannot copy comes by OfflineIMAP, which then finds the rest copied already. */
export function takingTurns(engines: Readonly<Record<EngineName, Running>>): Running {
  return {
    async run(order, credential, run) {
      const { engine } = await preferred(order)
      const first = await engines[engine].run(order, credential, run)
      if (first.outcome !== 'complete' || first.leftOut === undefined) return first
      const rest = await engines.offlineimap.run(order, credential, run)
      return { ...rest, messages: first.messages + rest.messages, output: joined(first, rest) }
    },
  }
}

function joined({ leftOut = [] }: Result, { output }: Result): string {
  return `doveadm cannot copy ${leftOut.join(', ')}: copied by OfflineIMAP\n${output}`.trim()
}
