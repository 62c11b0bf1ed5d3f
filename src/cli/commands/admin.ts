import type { Command } from 'commander'
import {
  addAdministrator,
  administratorNamed,
  administratorRow,
  listAdministrators,
  refuseExisting,
  removeAdministrator,
  setAdministratorPassword,
  setAdministratorRole,
  type WithTotp,
} from '../../operations/administrators.ts'
import { administratorName } from '../../operations/fields.ts'
import type { CliDeps } from '../deps.ts'
import { addListing, addOperation } from '../terminal/operation-command.ts'
import { print } from '../terminal/output.ts'

export function addAdminCommands(postferry: Command, deps: CliDeps): void {
  const admin = postferry.command('admin').description('administrators: who may sign in to the panel')
  const json = 'the administrator'
  addOperation(admin, 'add', addAdministrator, deps, {
    ...{ arguments: ['name'], json, also: printTotp },
    examples: ['postferry admin add anna --totp', 'postferry admin add bert --role viewer <password-file'],
    async whose(stores, { name }) {
      await refuseExisting(administratorName(String(name)), stores)
      return String(name)
    },
    done: ({ administrator: { name, role } }) => `${name} may use the panel, as ${role}`,
  })
  addListing(admin, 'list', listAdministrators, deps, {
    ...{ row: administratorRow, columns: ['name', 'role', 'totp', 'created_at', 'signed_in_at'] },
    examples: ['postferry admin list'],
  })
  addOperation(admin, 'remove', removeAdministrator, deps, {
    ...{ arguments: ['name'], json: 'the removed administrator' },
    examples: ['postferry admin remove anna'],
    done: ({ name }) => `${name} is removed`,
  })
  addOperation(admin, 'passwd', setAdministratorPassword, deps, {
    ...{ arguments: ['name'], json, also: printTotp },
    examples: ['postferry admin passwd anna', 'postferry admin passwd anna --no-totp <password-file'],
    whose: async (stores, { name }) =>
      (await administratorNamed(administratorName(String(name)), stores)).administrator.name,
    done: ({ administrator: { name } }) => `${name} has a new password`,
  })
  addOperation(admin, 'role', setAdministratorRole, deps, {
    ...{ arguments: ['name', 'role'], json },
    examples: ['postferry admin role bert operator'],
    done: ({ name, role }) => `${name} is ${role} now`,
  })
}

/** The new TOTP secret, which nothing shows again. */
async function printTotp({ totp }: WithTotp): Promise<void> {
  if (totp === null) return
  await print('an authenticator reads this, which is not shown again:\n')
  if (process.stdout.isTTY) {
    const { renderUnicodeCompact } = await import('uqr')
    await print(`${renderUnicodeCompact(totp.uri)}\n`)
  }
  await print(`${totp.uri}\n`)
}
