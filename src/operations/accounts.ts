import type { Hasher } from '../auth/ports.ts'
import type { Account } from '../model/account.ts'
import { Type } from '../model/json-schema.ts'
import { Refused } from '../model/refused.ts'
import { password, quota } from './fields.ts'
import { type Answer, clearable, operation, secret, text } from './operation.ts'
import { PAGE, pageAnswer, requestIn } from './page.ts'
import { account } from './person.ts'
import type { Accounts } from './ports.ts'
import { the } from './schema.ts'
import { Account as AccountSchema } from './schemas.ts'

interface Deps {
  readonly accounts: Accounts
}

const ANSWER: Answer<Account> = { schema: the(AccountSchema), row: accountRow }

function accountRow({ address, enabled, home, quotaBytes }: Account) {
  return { address, enabled, home, quota_bytes: quotaBytes }
}

export const listAccounts = operation({
  ...{ name: 'account.list', permission: 'see', summary: 'List the accounts', fields: PAGE },
  answer: pageAnswer(AccountSchema, accountRow),
  run: async (page, { accounts }: Deps) => await accounts.page(requestIn(page)),
})

export const showAccount = operation({
  ...{ name: 'account.show', permission: 'see', summary: 'Show an account', fields: { address: account } },
  answer: ANSWER,
  run: async ({ address: account }) => account,
})

type PasswordDeps = Deps & { hasher: Pick<Hasher, 'hash'> }

export const setPassword = operation({
  ...{ name: 'account.passwd', permission: 'own' },
  summary: "Set an account's password on the new server; the old server is not asked about it any more",
  fields: { address: account, password: secret(password, 'password on the new server') },
  answer: ANSWER,
  async run({ address: { address }, password }, deps: PasswordDeps, by) {
    return await changed(address, deps, await deps.accounts.setPassword(address, await deps.hasher.hash(password), by))
  },
})

export const setQuota = operation({
  ...{ name: 'account.quota', permission: 'own', summary: 'Set how much mail an account may hold on the new server' },
  fields: {
    address: account,
    quota_bytes: clearable(
      text(quota, 'as 500M, 2G or a number of bytes; none: unlimited', {
        placeholder: 'size',
        schema: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
      }),
    ),
  },
  answer: ANSWER,
  async run({ address: { address }, quota_bytes: bytes }, deps: Deps, by) {
    return await changed(address, deps, await deps.accounts.setQuota(address, bytes, by))
  },
})

export const disableAccount = enabling('disable', 'Disable an account: nobody can sign in to it', false)
export const enableAccount = enabling('enable', 'Enable an account again', true)

function enabling(word: string, summary: string, enabled: boolean) {
  return operation({
    ...{ name: `account.${word}`, permission: 'own', summary, fields: { address: account } },
    answer: ANSWER,
    async run({ address: { address } }, deps: Deps, by) {
      return await changed(address, deps, await deps.accounts.setEnabled(address, enabled, by))
    },
  })
}

/** The account as it is after a change. @throws Refused when it has gone meanwhile */
async function changed(address: string, { accounts }: Deps, isChanged: boolean): Promise<Account> {
  const account = isChanged ? await accounts.find(address) : null
  if (account === null) throw new Refused('not-found', `there is no account ${address} any more`)
  return account
}
