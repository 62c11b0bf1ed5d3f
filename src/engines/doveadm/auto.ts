import type { Engine } from '../../copying/ports.ts'
import type { Result } from '../../model/attempt.ts'
import type { EngineName } from '../../model/provider.ts'
import { ended } from './failure.ts'
import { onlyDoveadm, preferred } from './preferred.ts'

type Running = Pick<Engine, 'run'>

/** doveadm where it can run; what it cannot copy comes by OfflineIMAP, which then finds the rest copied already. */
export function takingTurns(engines: Readonly<Record<EngineName, Running>>, dovecotConf: string | null): Running {
  return {
    async run(order, credential, run) {
      const { engine } = await preferred(dovecotConf, order)
      const first = await engines[engine].run(order, credential, run)
      if (first.outcome !== 'complete' || first.leftOut === undefined) return first
      if ((await onlyDoveadm(dovecotConf)) !== null) return first
      const rest = await engines.offlineimap.run(order, credential, run)
      return { ...rest, messages: first.messages + rest.messages, output: joined(first, rest) }
    },
  }
}

/** OfflineIMAP, where its Maildir is what the destination shows. */
export function intoMaildir({ run }: Running, dovecotConf: string | null): Engine['run'] {
  return async (order, credential, how) => {
    const flaw = await onlyDoveadm(dovecotConf)
    return flaw === null ? await run(order, credential, how) : ended('engine-missing', flaw)
  }
}

function joined({ leftOut = [] }: Result, { output }: Result): string {
  return `doveadm cannot copy ${leftOut.join(', ')}: copied by OfflineIMAP\n${output}`.trim()
}
