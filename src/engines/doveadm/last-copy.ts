import type { LastCopy } from '../../copying/ports.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { settleLast } from './aside.ts'
import type { DoveadmDeps } from './engine.ts'
import { removeRecord } from './flipped.ts'
import { toDisk } from './land.ts'
import { openMerged } from './merged.ts'
import { refuseStorage } from './movable.ts'
import { moveIn, probeMoves } from './moves.ts'
import { openPlace } from './place.ts'
import type { Dovecot } from './version.ts'

/** The mirror as the last attempt has left it, of a source that cannot be asked any more. */
export async function openLastCopy(
  order: CopyOrder,
  dovecot: Dovecot,
  { shared: { stateFolder } }: DoveadmDeps,
  signal: AbortSignal,
): Promise<LastCopy> {
  await refuseStorage()
  await using opened = new AsyncDisposableStack()
  const place = opened.use(await openPlace(order, dovecot, {}))
  await settleLast(place, signal)
  await probeMoves(place, signal)
  await toDisk(place, signal)
  using merged = openMerged(stateFolder, order.id)
  const { namespace } = merged
  const held = opened.move()
  return {
    namespace,
    async moveIn(hold) {
      // There is nobody to go back to.
      removeRecord(stateFolder, order.id)
      await moveIn(place, hold, signal)
    },
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  }
}
