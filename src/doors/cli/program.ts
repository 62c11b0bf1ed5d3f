import { Command } from 'commander'
import { version } from '../version.ts'
import { addAccountCommands } from './account.ts'
import { addAdminCommands } from './admin.ts'
import { examples } from './arguments.ts'
import { addAuditCommands } from './audit.ts'
import { addCredentialCommands } from './credential.ts'
import { addDoctorCommand } from './doctor.ts'
import { addDomainCommands } from './domain.ts'
import { addImportCommand } from './import.ts'
import { addKeyCommands } from './key.ts'
import { addMigrationCommands } from './migration.ts'
import type { Outside } from './outside.ts'
import { addProviderCommands } from './provider.ts'
import { addReportCommand } from './report.ts'
import { runCommandLine } from './run.ts'
import { addSyncCommand } from './sync.ts'
import { addUpgradeCommand } from './upgrade.ts'
import { addVerifyCommand } from './verify.ts'

/** Runs `postferry`, and sets the exit code of the process. */
export async function runPostferry(args: readonly string[], outside: Outside): Promise<void> {
  await runCommandLine(program(outside), args)
}

/** The whole command line. What is wrong with the arguments is thrown. */
export function program(outside: Outside): Command {
  const postferry = new Command('postferry')
    .description('Moves people from an old IMAP server to a new Dovecot at their first sign-in.')
    .version(version())
    .exitOverride()
    // The one line about a mistake is written by whoever catches it.
    .configureOutput({ outputError: () => undefined })
  addServe(postferry, outside)
  addProviderCommands(postferry, outside)
  addDomainCommands(postferry, outside)
  addAccountCommands(postferry, outside)
  addMigrationCommands(postferry, outside)
  addImportCommand(postferry, outside)
  addSyncCommand(postferry, outside)
  addVerifyCommand(postferry, outside)
  addReportCommand(postferry, outside)
  addAuditCommands(postferry, outside)
  addCredentialCommands(postferry, outside)
  addKeyCommands(postferry, outside)
  addAdminCommands(postferry, outside)
  addUpgradeCommand(postferry, outside)
  addDoctorCommand(postferry, outside)
  return examples(
    postferry,
    'postferry serve',
    'postferry provider add old --host imap.old.example',
    'postferry domain add old.example --provider old',
    'postferry doctor',
  )
}

function addServe(postferry: Command, { serve }: Outside): void {
  const command = postferry.command('serve').description('answer sign-ins until SIGTERM or SIGINT')
  examples(command, 'postferry serve', 'POSTFERRY_DATA_DIR=/var/lib/postferry postferry serve').action(serve)
}
