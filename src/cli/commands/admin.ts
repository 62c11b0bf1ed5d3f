import { Argument, type Command, Option } from 'commander'
import { ROLES, type Role } from '../../model/administrator.ts'
import { administratorNamed, noAdministrator } from '../../operations/person.ts'
import type { CliDeps } from '../deps.ts'
import { by, withReason } from '../terminal/actor.ts'
import { administratorName, examples } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { printDone, printList } from '../terminal/output.ts'
import { administratorList } from '../terminal/rows.ts'
import { addPasswd, newSecrets, printWithTotp } from './admin-password.ts'

export function addAdminCommands(postferry: Command, deps: CliDeps): void {
  const admin = postferry.command('admin').description('who may use the panel')
  addAdd(admin, deps)
  addList(admin, deps)
  addRemove(admin, deps)
  addPasswd(admin, deps)
  addRole(admin, deps)
}

function addAdd(admin: Command, { open }: CliDeps): void {
  const add = admin
    .command('add')
    .description('let somebody use the panel; the password is one line on standard input')
    .argument('<name>', 'letters, digits, ".", "_", "-" and "@"', administratorName)
    .addOption(
      new Option('--role <role>', 'viewer sees, operator settles migrations, owner changes everything')
        .choices(ROLES)
        .default('owner'),
    )
    .option('--totp', 'ask for one-time codes too; prints what an authenticator reads, this once')
    .option('--json', 'print the administrator as JSON')
  examples(
    withReason(add),
    'postferry admin add anna --totp',
    'postferry admin add bert --role viewer <password-file',
  ).action(async (name: string, options: { role: Role; totp?: boolean; reason?: string; json?: boolean }) => {
    await using house = await open()
    if ((await house.administrators.find(name)) !== null) {
      throw new Failure(EXIT.data, `administrator ${name} exists already`)
    }
    const { passwordHash, totp } = await newSecrets(house, name, options.totp)
    const added = { name, role: options.role, passwordHash, totpSealed: totp?.sealed ?? null }
    await house.administrators.add(added, by(options))
    const sentence = `${name} may use the panel, as ${options.role}`
    await printWithTotp(await administratorNamed(house, name), sentence, totp, options)
  })
}

function addList(admin: Command, { open }: CliDeps): void {
  const list = admin.command('list').description('list the administrators').option('--json', 'print one JSON array')
  examples(list, 'postferry admin list').action(async (options) => {
    await using house = await open()
    await printList(await house.administrators.list(), administratorList, options)
  })
}

function addRemove(admin: Command, { open }: CliDeps): void {
  const remove = admin
    .command('remove')
    .description('let somebody use the panel no more, and end all sessions of theirs')
    .argument('<name>', 'as admin list shows it', administratorName)
    .option('--json', 'print the removed administrator as JSON')
  examples(withReason(remove), 'postferry admin remove anna').action(async (name: string, options) => {
    await using house = await open()
    const administrator = await administratorNamed(house, name)
    if (!(await house.administrators.remove(name, by(options)))) throw noAdministrator(name)
    await printDone(administratorList.row(administrator), `${name} cannot use the panel any more`, options)
  })
}

function addRole(admin: Command, { open }: CliDeps): void {
  const role = admin
    .command('role')
    .description('let somebody do more or less, and end all sessions of theirs')
    .argument('<name>', 'as admin list shows it', administratorName)
    .addArgument(new Argument('<role>').choices(ROLES))
    .option('--json', 'print the administrator as JSON')
  examples(withReason(role), 'postferry admin role bert operator').action(async (name: string, role: Role, options) => {
    await using house = await open()
    if (!(await house.administrators.setRole(name, role, by(options)))) throw noAdministrator(name)
    const administrator = await administratorNamed(house, name)
    await printDone(administratorList.row(administrator), `${name} is ${role} now`, options)
  })
}
