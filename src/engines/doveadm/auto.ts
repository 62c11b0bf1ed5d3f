import type { Engine } from '../../copying/ports.ts'
import type { Result } from '../../model/attempt.ts'
import type { EngineName } from '../../model/provider.ts'
import { ended } from './failure.ts'
import { notedRoles } from './merged.ts'
import { onlyDoveadm, preferred } from './preferred.ts'

type Running = Pick<Engine, 'run'>

/** doveadm where it can run; what it cannot copy comes by OfflineIMAP, which then finds the rest copied already. */
export function takingTurns(engines: Readonly<Record<EngineName, Running>>, dovecotConf: string | null): Running {
  return {
    async run(order, credential, run) {
      const { engine } = await preferred(dovecotConf, order)
      const first = await engines[engine].run(order, credential, run)
      if (first.outcome !== 'complete' || first.leftOut === undefined) return first
      if (order.provider.roles === 'map' || (await onlyDoveadm(dovecotConf)) !== null) return first
      const rest = await engines.offlineimap.run(order, credential, run)
      return { ...rest, messages: first.messages + rest.messages, output: joined(first, rest) }
    },
  }
}

/** OfflineIMAP, where its Maildir is what the destination shows. */
export function intoMaildir(
  { run }: Running,
  { dovecotConf, stateFolder }: { readonly dovecotConf: string | null; readonly stateFolder: string },
): Engine['run'] {
  return async (order, credential, how) => {
    const flaw = notedRoles(stateFolder, order.id).size > 0 ? MAPPED : await onlyDoveadm(dovecotConf)
    return flaw === null ? await run(order, credential, how) : ended('engine-missing', flaw)
  }
}

const MAPPED =
  'OfflineIMAP would copy folders again that doveadm has put into others by their roles (--roles map): take doveadm'

function joined({ leftOut = [] }: Result, { output }: Result): string {
  return `doveadm cannot copy ${leftOut.join(', ')}: copied by OfflineIMAP\n${output}`.trim()
}
