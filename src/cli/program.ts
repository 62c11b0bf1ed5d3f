import { Command } from 'commander'
import { version } from '../operations/version.ts'
import { addAccountCommands } from './commands/account.ts'
import { addAdminCommands } from './commands/admin.ts'
import { addAliasCommands } from './commands/alias.ts'
import { addAuditCommands } from './commands/audit.ts'
import { addBackupCommand } from './commands/backup.ts'
import { addCredentialCommands } from './commands/credential.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addDomainCommands } from './commands/domain.ts'
import { addImportCommand } from './commands/import.ts'
import { addKeyCommands } from './commands/key.ts'
import { addMigrationCommands } from './commands/migration.ts'
import { addProviderCommands } from './commands/provider.ts'
import { addReportCommand } from './commands/report.ts'
import { addRestoreCommand } from './commands/restore.ts'
import { addSetupCommand } from './commands/setup.ts'
import { addSyncCommand } from './commands/sync.ts'
import { addUpgradeCommand } from './commands/upgrade.ts'
import { addVerifyCommand } from './commands/verify.ts'
import type { CliDeps } from './deps.ts'
import { examples } from './terminal/arguments.ts'
import { runCommandLine } from './terminal/exit.ts'

// In the order of the help.
const COMMANDS = [
  ...[addServe, addProviderCommands, addDomainCommands, addAccountCommands, addAliasCommands, addMigrationCommands],
  ...[
    addImportCommand,
    addSyncCommand,
    addVerifyCommand,
    addReportCommand,
    addAuditCommands,
    addCredentialCommands,
    addKeyCommands,
  ],
  ...[addSetupCommand, addAdminCommands, addUpgradeCommand, addBackupCommand, addRestoreCommand, addDoctorCommand],
]

/** Runs `postferry`, and sets the exit code of the process. */
export async function runPostferry(args: readonly string[], deps: CliDeps): Promise<void> {
  await runCommandLine(program(deps), args)
}

/** The whole command line. What is wrong with the arguments is thrown. */
export function program(deps: CliDeps): Command {
  const postferry = new Command('postferry')
    .description('Moves people from an old IMAP server to a new Dovecot at their first sign-in.')
    .version(version())
    .exitOverride()
    // The one line about a mistake is written by whoever catches it.
    .configureOutput({ outputError: () => undefined })
  for (const add of COMMANDS) add(postferry, deps)
  return examples(
    postferry,
    'postferry serve',
    'postferry provider add old --host imap.old.example',
    'postferry domain add old.example --provider old',
    'postferry doctor',
  )
}

function addServe(postferry: Command, { serve }: CliDeps): void {
  const command = postferry.command('serve').description('answer sign-ins until SIGTERM, SIGINT or SIGHUP')
  examples(command, 'postferry serve', 'POSTFERRY_DATA_DIR=/var/lib/postferry postferry serve').action(serve)
}
