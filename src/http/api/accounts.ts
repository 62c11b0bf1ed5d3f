import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { Refused } from '../../model/refused.ts'
import { address, password } from '../../operations/fields.ts'
import type { House } from '../../operations/house.ts'
import { addressOnNew } from '../../operations/person.ts'
import { accountRow } from '../../operations/rows.ts'
import { exactly, orNull, Text, the } from '../../operations/schema.ts'
import { Account } from '../../operations/schemas.ts'
import { by, Reason, ReasonBody } from './by.ts'
import { PAGE, pageIn, pageOf, pageRow } from './paging.ts'
import { reading } from './wrong.ts'

const Person = Type.Object({ address: Type.String({ description: 'The new or the old address' }) })
const QuotaBody = exactly({
  quota_bytes: orNull(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
  reason: Reason,
})
const PasswordBody = exactly({ password: Text, reason: Reason })

/** `/accounts`: people who have an account on the new server. */
export const accounts: FastifyPluginAsyncTypebox<{ house: House }> = async (app, { house }) => {
  const named = (typed: string) => addressOnNew(house, reading('address', address, typed))
  const rowOf = async (name: string) => {
    const account = await house.accounts.find(name)
    if (account === null) throw new Refused('not-found', `there is no account ${name} any more`)
    return accountRow(account)
  }

  app.get(
    '/accounts',
    { schema: { summary: 'List the accounts', querystring: exactly(PAGE), response: { 200: pageOf(Account) } } },
    async ({ query }) => pageRow(await house.accounts.page(pageIn(query)), accountRow),
  )

  app.get(
    '/accounts/:address',
    { schema: { summary: 'Show an account', params: Person, response: { 200: the(Account) } } },
    async ({ params }) => await rowOf(await named(params.address)),
  )

  for (const [verb, enabled, summary] of [
    ['enable', true, 'Let somebody in again'],
    ['disable', false, 'Let somebody in no more'],
  ] as const) {
    app.post(
      `/accounts/:address/${verb}`,
      { schema: { summary, params: Person, body: ReasonBody, response: { 200: the(Account) } } },
      async ({ params, body }) => {
        const name = await named(params.address)
        await house.accounts.setEnabled(name, enabled, by(body.reason))
        return await rowOf(name)
      },
    )
  }

  app.post(
    '/accounts/:address/quota',
    {
      schema: {
        summary: 'Set how much mail somebody may have on the new server; null: as much as there is room for',
        ...{ params: Person, body: QuotaBody, response: { 200: the(Account) } },
      },
    },
    async ({ params, body }) => {
      const name = await named(params.address)
      await house.accounts.setQuota(name, body.quota_bytes, by(body.reason))
      return await rowOf(name)
    },
  )

  app.post(
    '/accounts/:address/passwd',
    {
      schema: {
        summary: 'Set a password; the old server is not asked about it any more',
        ...{ params: Person, body: PasswordBody, response: { 200: the(Account) } },
      },
    },
    async ({ params, body }) => {
      const name = await named(params.address)
      const hash = await house.hasher.hash(reading('password', password, body.password))
      await house.accounts.setPassword(name, hash, by(body.reason))
      return await rowOf(name)
    },
  )
}
