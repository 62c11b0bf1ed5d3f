import type { Migration } from '../../../model/migration.ts'
import { isRefused } from '../../../model/refused.ts'
import { TRANSITIONS, type Word } from '../../../operations/migration-changes.ts'

/** What an administrator can do to a migration, or to many. */
export interface Action {
  readonly name: Word
  readonly title: string
  /** What it will do, said before. */
  readonly consequence: string
  readonly isDangerous?: boolean
  /** Only for who works on the old server still. */
  readonly isOfProxied?: boolean
}

export const ACTIONS: readonly Action[] = [
  {
    ...{ name: 'retry', title: 'Try now' },
    consequence:
      'The next attempt begins as soon as a worker is free. Check a failure first: trying again overrides the safety stop.',
  },
  {
    ...{ name: 'pause', title: 'Pause' },
    consequence:
      'No mail is copied until the migration is resumed; a running attempt is ended. Sign-ins go on as before.',
  },
  {
    ...{ name: 'resume', title: 'Resume' },
    consequence: 'Copying goes on after a pause, or as if no finish had been requested.',
  },
  {
    ...{ name: 'flip', title: 'Flip', isOfProxied: true },
    consequence:
      'The person comes to the new server as soon as the mirror is ready: sign-ins and mail wait for a moment, mail programs connect again.',
  },
  {
    ...{ name: 'stop-flip', title: 'Stop the flip', isOfProxied: true },
    consequence:
      'The person stays on the old server, unless the flip has begun, until a flip is requested again; a requested finish, which would flip first, is taken back, too. A provider whose people are flipped by themselves flips them all the same: stop its flips instead.',
  },
  {
    ...{ name: 'finish', title: 'Finish', isDangerous: true },
    consequence:
      'The copying host makes a last attempt and compares both servers. When everything is on the new server, the kept password is erased and copying ends; otherwise the finish stays requested, and each next attempt tries again.',
  },
]

export function actionOf(name: string | undefined): Action {
  const action = ACTIONS.find((action) => action.name === name)
  if (action === undefined) throw new RangeError(`no action is called ${name}`)
  return action
}

/** Why the action cannot be taken now, or null when it can. */
export function objectionTo({ name }: Action, migration: Migration): string | null {
  try {
    TRANSITIONS[name].transition(migration)
    return null
  } catch (error) {
    if (isRefused(error, 'conflict')) return error.message
    throw error
  }
}
