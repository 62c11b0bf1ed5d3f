import type { Command } from 'commander'
import {
  flipMigration,
  leaveMigrationFilters,
  pauseMigration,
  resumeMigration,
  retryMigration,
  returnMigration,
  stopMigrationFlip,
  stopMigrationReturn,
} from '../../operations/migration-changes.ts'
import { refuseDone, setMigrationPassword } from '../../operations/migration-password.ts'
import { listMigrations, migrationStatus } from '../../operations/migrations.ts'
import type { CliDeps } from '../deps.ts'
import { addListing, addOperation, CALLER } from '../terminal/operation-command.ts'
import { addChange } from './migration-change.ts'
import { addFinish } from './migration-finish.ts'
import { addShow } from './migration-show.ts'

export const MIGRATION_COLUMNS = [
  ...['address', 'old_username', 'provider', 'state', 'route', 'code', 'last_outcome', 'next_attempt_at'],
]

export function addMigrationCommands(postferry: Command, deps: CliDeps): void {
  const migration = postferry.command('migration').description('migrations: the move of one account each')
  addListing(migration, 'list', listMigrations, deps, {
    columns: MIGRATION_COLUMNS,
    examples: [
      'postferry migration list',
      'postferry migration list --state failed --provider old',
      'postferry migration list --code credential-refused',
      'postferry migration list --search anna',
      'postferry migration list --sort changed_at --descending --limit 20',
      "postferry migration list --json | jq -r '.[].address'",
    ],
  })
  addShow(migration, deps)
  addChange(migration, 'pause', pauseMigration, deps)
  addChange(migration, 'resume', resumeMigration, deps)
  addChange(migration, 'retry', retryMigration, deps)
  addChange(migration, 'flip', flipMigration, deps)
  addChange(migration, 'stop-flip', stopMigrationFlip, deps)
  addOperation(migration, 'leave-filters', leaveMigrationFilters, deps, {
    ...{ arguments: ['address'], json: 'the migration' },
    examples: ['postferry migration leave-filters anna@new.example --reason agreed'],
    done: ({ address }) => `${address} comes without the filters that cannot come along`,
  })
  addOperation(migration, 'return', returnMigration, deps, {
    ...{ arguments: ['address'], json: 'the migration' },
    examples: ['postferry migration return anna@new.example --write-to-source'],
    done: ({ address }) =>
      `${address} is led back to the old server by the next attempt: postferry migration show ${address}`,
  })
  addOperation(migration, 'stop-return', stopMigrationReturn, deps, {
    ...{ arguments: ['address'], json: 'the migration' },
    examples: ['postferry migration stop-return anna@new.example --reason mistaken'],
    done: ({ address }) => `${address} stays on the new server`,
  })
  addFinish(migration, deps)
  addOperation(migration, 'set-password', setMigrationPassword, deps, {
    ...{ arguments: ['address'], json: 'the migration' },
    examples: [
      'postferry migration set-password anna@new.example',
      'postferry migration set-password anna@new.example <password-file',
    ],
    async whose({ perform }, said) {
      const { migration } = await perform(migrationStatus, said, CALLER())
      refuseDone(migration)
      return `${migration.address} on the old server`
    },
    done: ({ address }) => `the old server accepts the password of ${address}; it is kept`,
  })
}
