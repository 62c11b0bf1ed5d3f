import type { EngineCheck } from '../../copying/ports.ts'
import { installed, KINDS } from './version.ts'

/** Whether a doveadm is installed here that the engine knows. Only providers that name this engine need one. */
export async function check(): Promise<EngineCheck> {
  const found = await installed()
  if (found === null) {
    return {
      result: 'ok',
      found: 'not here; OfflineIMAP copies instead, unless a provider says --engine doveadm',
      isMissing: true,
    }
  }
  if (found.kind !== null) return { result: 'ok', found: `Dovecot ${found.version}` }
  const remedy = `take a Dovecot ${KINDS.join(' or ')}, or --engine offlineimap`
  return { result: 'warn', found: `Dovecot ${found.version} is not known here`, remedy, isMissing: true }
}
