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

/** Runs `mailferry`, and sets the exit code of the process. */
export async function runMailferry(args: readonly string[], outside: Outside): Promise<void> {
  await runCommandLine(program(outside), args)
}

/** The whole command line. What is wrong with the arguments is thrown. */
export function program(outside: Outside): Command {
  const mailferry = new Command('mailferry')
    .description('Moves people from an old IMAP server to a new Dovecot at their first sign-in.')
    .version(version())
    .exitOverride()
    // The one line about a mistake is written by whoever catches it.
    .configureOutput({ outputError: () => undefined })
  addServe(mailferry, outside)
  addProviderCommands(mailferry, outside)
  addDomainCommands(mailferry, outside)
  addAccountCommands(mailferry, outside)
  addMigrationCommands(mailferry, outside)
  addImportCommand(mailferry, outside)
  addSyncCommand(mailferry, outside)
  addVerifyCommand(mailferry, outside)
  addReportCommand(mailferry, outside)
  addAuditCommands(mailferry, outside)
  addCredentialCommands(mailferry, outside)
  addKeyCommands(mailferry, outside)
  addAdminCommands(mailferry, outside)
  addUpgradeCommand(mailferry, outside)
  addDoctorCommand(mailferry, outside)
  return examples(
    mailferry,
    'mailferry serve',
    'mailferry provider add old --host imap.old.example',
    'mailferry domain add old.example --provider old',
    'mailferry doctor',
  )
}

function addServe(mailferry: Command, { serve }: Outside): void {
  const command = mailferry.command('serve').description('answer sign-ins until SIGTERM or SIGINT')
  examples(command, 'mailferry serve', 'MAILFERRY_DATA_DIR=/var/lib/mailferry mailferry serve').action(serve)
}
