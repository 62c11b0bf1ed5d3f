import type { Command } from 'commander'
import type { Account } from '../../model/account.ts'
import type { Address } from '../../model/address.ts'
import { sizeText } from '../../model/quota.ts'
import type { House } from '../../operations/house.ts'
import { addressOnNew } from '../../operations/person.ts'
import type { CliDeps } from '../deps.ts'
import { by, withReason } from '../terminal/actor.ts'
import { address, examples, quota as quotaBytes } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { printDone, printList, printRecord } from '../terminal/output.ts'
import { readPassword } from '../terminal/password-input.ts'
import { accountList } from '../terminal/rows.ts'

export function addAccountCommands(postferry: Command, deps: CliDeps): void {
  const account = postferry.command('account').description('people who have an account on the new server')
  addList(account, deps)
  addShow(account, deps)
  addPasswd(account, deps)
  addQuota(account, deps)
  addEnabling(account, deps, 'disable', false)
  addEnabling(account, deps, 'enable', true)
}

function addList(account: Command, { open }: CliDeps): void {
  const list = account.command('list').description('list the accounts').option('--json', 'print one JSON array')
  examples(list, 'postferry account list').action(async (options) => {
    await using house = await open()
    await printList(house.accounts.list(), accountList, options)
  })
}

function addShow(account: Command, { open }: CliDeps): void {
  const show = account
    .command('show')
    .description('show everything about an account')
    .argument('<address>', 'the new or the old address', address)
    .option('--json', 'print one JSON object')
  examples(show, 'postferry account show anna@new.example').action(async (typed: Address, options) => {
    await using house = await open()
    await printRecord(accountList.row(await found(house, await addressOnNew(house, typed))), options)
  })
}

function addPasswd(account: Command, { open }: CliDeps): void {
  const passwd = account
    .command('passwd')
    .description('set a password, one line on standard input; the old server is not asked about it any more')
    .argument('<address>', 'the new or the old address', address)
    .option('--json', 'print the account as JSON')
  examples(
    withReason(passwd),
    'postferry account passwd anna@new.example',
    'postferry account passwd anna@new.example <password-file',
  ).action(async (typed: Address, options) => {
    await using house = await open()
    const name = await addressOnNew(house, typed)
    const hash = await house.hasher.hash(await readPassword(name))
    if (!(await house.accounts.setPassword(name, hash, by(options)))) throw gone(name)
    await printDone(accountList.row(await found(house, name)), `${name} has a new password`, options)
  })
}

function addQuota(account: Command, { open }: CliDeps): void {
  const quota = account
    .command('quota')
    .description('set how much mail somebody may have on the new server')
    .argument('<address>', 'the new or the old address', address)
    .argument('<size>', 'as 500M, 2G or a number of bytes; none: as much as there is room for', quotaBytes)
    .option('--json', 'print the account as JSON')
  examples(
    withReason(quota),
    'postferry account quota anna@new.example 2G',
    'postferry account quota anna@new.example none',
  ).action(async (typed: Address, bytes: number | null, options) => {
    await using house = await open()
    const name = await addressOnNew(house, typed)
    if (!(await house.accounts.setQuota(name, bytes, by(options)))) throw gone(name)
    const done = bytes === null ? 'has no quota' : `may have ${sizeText(bytes)} of mail`
    await printDone(accountList.row(await found(house, name)), `${name} ${done}`, options)
  })
}

function addEnabling(account: Command, { open }: CliDeps, verb: string, enabled: boolean): void {
  const command = account
    .command(verb)
    .description(enabled ? 'let somebody in again' : 'let somebody in no more')
    .argument('<address>', 'the new or the old address', address)
    .option('--json', 'print the account as JSON')
  examples(withReason(command), `postferry account ${verb} anna@new.example`).action(
    async (typed: Address, options) => {
      await using house = await open()
      const name = await addressOnNew(house, typed)
      if (!(await house.accounts.setEnabled(name, enabled, by(options)))) throw gone(name)
      const done = enabled ? 'can sign in again' : `cannot sign in any more; to end open sessions: doveadm kick ${name}`
      await printDone(accountList.row(await found(house, name)), `${name} ${done}`, options)
    },
  )
}

async function found({ accounts }: House, name: string): Promise<Account> {
  const account = await accounts.find(name)
  if (account === null) throw gone(name)
  return account
}

function gone(name: string): Failure {
  return new Failure(EXIT.data, `there is no account ${name} any more`)
}
