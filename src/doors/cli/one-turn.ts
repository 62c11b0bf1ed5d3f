import type { TurnReport } from '../../policy/take-turn.ts'
import type { CopyingHouse } from '../worker/house.ts'
import { Leases } from '../worker/leases.ts'
import { EXIT, Failure } from './exit.ts'

export const ATTEMPT_LIMIT_MINUTES = 120

/** Takes the turn of one person now. @throws Failure when it is not to be had */
export async function oneTurn(
  { around }: Pick<CopyingHouse, 'around'>,
  { id, address }: { readonly id: string; readonly address: string },
  stop: AbortSignal,
  onMessage: () => void,
): Promise<TurnReport> {
  const turn = await around.turns.take(id, around.worker)
  if (turn === null) {
    const why = 'somebody else is copying it, its provider has no room, or its copying state is on another host'
    throw new Failure(EXIT.tempfail, `${address} cannot be copied now: ${why}`)
  }
  using leases = new Leases(around)
  stop.addEventListener('abort', () => leases.stop())
  return await leases.run(turn, { onMessage })
}

/** Aborted when somebody wants the command to end. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  return stop.signal
}
