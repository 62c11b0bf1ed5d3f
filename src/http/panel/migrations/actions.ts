import type { Migration } from '../../../model/migration.ts'
import { isRefused } from '../../../model/refused.ts'
import { BULK_TRANSITIONS, type BulkAction } from '../../../operations/bulk.ts'

/** What an administrator can do to a migration, or to many. */
export interface Action {
  readonly name: BulkAction
  readonly title: string
  /** What it will do, said before. */
  readonly consequence: string
  readonly isDangerous?: boolean
}

export const ACTIONS: readonly Action[] = [
  {
    ...{ name: 'retry', title: 'Try now' },
    consequence:
      'The next attempt begins as soon as a worker is free, and a failure is forgotten. Read first what stopped it: whoever says “try” overrules that.',
  },
  {
    ...{ name: 'pause', title: 'Pause' },
    consequence: 'No mail is copied until somebody resumes; an attempt that runs is ended. Sign-ins go on as before.',
  },
  {
    ...{ name: 'resume', title: 'Resume' },
    consequence: 'Goes on where it was paused.',
  },
  {
    ...{ name: 'finish', title: 'Finish', isDangerous: true },
    consequence:
      'A worker makes a last attempt and compares both servers. When everything is across, the kept password is erased and no mail is copied any more; else it stays as it is, and is tried again.',
  },
]

export function actionOf(name: string): Action | undefined {
  return ACTIONS.find((action) => action.name === name)
}

/** Why the action cannot be taken now, or null when it can. */
export function objectionTo({ name }: Action, migration: Migration): string | null {
  try {
    BULK_TRANSITIONS[name](migration)
    return null
  } catch (error) {
    if (isRefused(error, 'conflict')) return error.message
    throw error
  }
}
