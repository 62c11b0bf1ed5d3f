import type { Command } from 'commander'
import { sizeText } from '../../model/quota.ts'
import {
  disableAccount,
  enableAccount,
  listAccounts,
  setPassword,
  setQuota,
  showAccount,
} from '../../operations/accounts.ts'
import type { CliDeps } from '../deps.ts'
import { addListing, addOperation, addRecord, CALLER } from '../terminal/operation-command.ts'

export function addAccountCommands(postferry: Command, deps: CliDeps): void {
  const account = postferry.command('account').description('accounts on the new server')
  const json = 'the account'
  addListing(account, 'list', listAccounts, deps, {
    columns: ['address', 'enabled', 'quota_bytes', 'home'],
    examples: ['postferry account list'],
  })
  addRecord(account, 'show', showAccount, deps, {
    arguments: ['address'],
    examples: ['postferry account show anna@new.example'],
  })
  addOperation(account, 'passwd', setPassword, deps, {
    ...{ arguments: ['address'], json },
    examples: ['postferry account passwd anna@new.example', 'postferry account passwd anna@new.example <password-file'],
    whose: async ({ perform }, said) => (await perform(showAccount, said, CALLER())).address,
    done: ({ address }) => `${address} has a new password`,
  })
  addOperation(account, 'quota', setQuota, deps, {
    ...{ arguments: ['address', 'quota_bytes'], json },
    examples: ['postferry account quota anna@new.example 2G', 'postferry account quota anna@new.example none'],
    done: ({ address, quotaBytes }) =>
      quotaBytes === null ? `${address} has no quota` : `${address} may have ${sizeText(quotaBytes)} of mail`,
  })
  addOperation(account, 'disable', disableAccount, deps, {
    ...{ arguments: ['address'], json },
    examples: ['postferry account disable anna@new.example'],
    done: ({ address }) => `${address} is disabled; to end open sessions: doveadm kick ${address}`,
  })
  addOperation(account, 'enable', enableAccount, deps, {
    ...{ arguments: ['address'], json },
    examples: ['postferry account enable anna@new.example'],
    done: ({ address }) => `${address} is enabled`,
  })
}
