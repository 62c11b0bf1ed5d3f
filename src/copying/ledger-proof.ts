import type { LostMessages } from '../ledger/ports.ts'
import { type VerifyDeps, verify } from '../ledger/verify.ts'
import { sentence } from '../ledger/words.ts'
import { CouldNotAsk, type LedgerFolder, NotKept, totalOf } from '../model/ledger.ts'
import { UidSet } from '../model/uid-set.ts'
import type { Proof } from './ports.ts'

/** Takes a ledger, under the lease of this worker: the copy is proved when it is clean. */
export function ledgerProof(deps: VerifyDeps, holder: string): Proof {
  return {
    async flaw({ migrationId, address, order, isFinishRequested }, { username, password }, signal, how = {}) {
      try {
        const purpose = isFinishRequested ? 'finish' : 'job'
        const whose = { migrationId, ...order, username, password }
        const { code, folders } = await verify(whose, deps, { signal, purpose, holder, ...how })
        if (code === null || (order.isMirrored && code === 'differs' && isLate(folders))) return null
        return {
          ...(order.isMirrored && code === 'differs' && isBusy(folders) && { isBusy: true }),
          outcome: `ledger-${code}`,
          sentence: `the ledger ${sentence({ code, folders })}; postferry verify ${address}`,
          lost: lostIn(folders),
        }
      } catch (error) {
        const unproved = (sentence: string) => ({ outcome: 'incomplete', sentence, lost: [] }) as const
        if (signal.aborted) return unproved('stopped')
        if (how.spent?.aborted) return { ...unproved('not all was compared'), outcome: how.spent.reason }
        if (error instanceof NotKept) return { ...unproved(error.message), outcome: NOT_KEPT[error.reason] }
        if (error instanceof CouldNotAsk) return unproved(`the copy could not be proved: ${error.message}`)
        throw error
      }
    },
  }
}

/** Of a mirror nothing is missing but what has come, or was flagged, while it was compared: a flip brings that along. */
function isLate(folders: readonly LedgerFolder[]): boolean {
  const { faults, badFolders, counts } = totalOf(folders)
  return badFolders === 0 && faults === counts.waiting + counts.flags + counts.keywords + counts.subscription
}

/** Nothing is wrong with what is there: what is not there has just been moved, renamed or made. */
function isBusy(folders: readonly LedgerFolder[]): boolean {
  const { faults, counts } = totalOf(folders)
  const { waiting, missing, flags, keywords, subscription } = counts
  const isOnlyLate = folders.every(({ state }) => state !== 'unreadable')
  return isOnlyLate && faults === waiting + missing + flags + keywords + subscription
}

const NOT_KEPT = { overtaken: 'incomplete', 'too-late': 'lost-lock' } as const

function lostIn(folders: readonly LedgerFolder[]): LostMessages[] {
  return folders.flatMap(({ directory, uidValidity, lostUids }) => {
    return lostUids === '' || uidValidity === null ? [] : [{ directory, uidValidity, uids: UidSet.parse(lostUids) }]
  })
}
