import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { AFTER_REFUSALS, CUTOVERS, LOGIN_NAMES, TLS_MODES } from '../../model/provider.ts'
import { Refused } from '../../model/refused.ts'
import { password, providerName, username } from '../../operations/fields.ts'
import type { House } from '../../operations/house.ts'
import { changedProvider, newProvider, type ProviderForm, readProviderForm } from '../../operations/provider-fields.ts'
import { providerRow, stepRow, trialRow } from '../../operations/rows.ts'
import { exactly, listOf, orNull, Text, the } from '../../operations/schema.ts'
import { Provider, Step, Trial } from '../../operations/schemas.ts'
import { ACTOR, by, Reason, ReasonQuery } from './by.ts'
import { reading, readingAll, wrongFields } from './wrong.ts'

const Named = Type.Object({ name: Text })
const FIELDS = {
  port: Type.Optional(Type.Integer()),
  tls: Type.Optional(Type.Enum(TLS_MODES)),
  ca_file: Type.Optional(orNull(Type.String({ description: "Path of a PEM file on postferry's host" }))),
  fingerprint: Type.Optional(orNull(Text)),
  max_connections: Type.Optional(Type.Integer()),
  copy_connections: Type.Optional(orNull(Type.Integer())),
  login_name: Type.Optional(Type.Enum(LOGIN_NAMES)),
  cutover: Type.Optional(Type.Enum(CUTOVERS)),
  forward_client: Type.Optional(Type.Boolean()),
  reopens: Type.Optional(Type.Boolean()),
  after_refusal: Type.Optional(
    Type.Enum(AFTER_REFUSALS, { description: 'Whoever has the right password here, and is refused there' }),
  ),
  window: Type.Optional(orNull(Type.String({ description: 'As 20:00-06:00 Europe/Berlin' }))),
  include: Type.Optional(listOf(Text)),
  exclude: Type.Optional(listOf(Text)),
  reason: Reason,
}
const PLAIN_TEXT = Type.Optional(
  Type.Boolean({ description: 'With tls none: passwords may travel in the clear from now on' }),
)
const Added = exactly({ name: Text, host: Text, ...FIELDS })
const Changed = exactly({
  host: Type.Optional(Text),
  ...FIELDS,
  forget_refusal: Type.Optional(Type.Boolean()),
  plain_text: PLAIN_TEXT,
})

/** `/providers`: old IMAP services that people come from. */
export const providers: FastifyPluginAsyncTypebox<{ house: House }> = async (app, { house }) => {
  const found = async (name: string) => {
    const provider = await house.providers.find(name)
    if (provider === null) throw new Refused('not-found', `there is no provider ${name}`)
    return provider
  }

  app.get(
    '/providers',
    { schema: { summary: 'List the providers', response: { 200: listOf(the(Provider)) } } },
    async () => (await house.providers.list()).map(providerRow),
  )

  app.get(
    '/providers/:name',
    { schema: { summary: 'Show a provider', params: Named, response: { 200: the(Provider) } } },
    async ({ params }) => providerRow(await found(params.name)),
  )

  app.post(
    '/providers',
    { schema: { summary: 'Add a provider', body: Added, response: { 201: the(Provider) } } },
    async ({ body: { name, reason, ...form } }, reply) => {
      const read = readingAll({
        name: () => reading('name', providerName, name),
        fields: () => fieldsOf(form),
        by: () => by(reason),
      })
      const added = newProvider(read.name, form.host, read.fields)
      await house.providers.add(added, read.by)
      return reply.code(201).send(providerRow(added))
    },
  )

  app.patch(
    '/providers/:name',
    {
      schema: {
        summary: 'Change what is given of a provider, and nothing else; null takes a value away',
        ...{ params: Named, body: Changed, response: { 200: the(Provider) } },
      },
    },
    async ({ params, body: { reason, ...form } }) => {
      if (Object.keys(form).length === 0) throw new Refused('invalid', 'say what to change')
      const before = await found(params.name)
      const read = readingAll({
        provider: () => reading('tls', () => changedProvider(before, fieldsOf(form)), ''),
        by: () => by(reason),
      })
      const changed = read.provider
      await house.providers.set(changed, read.by)
      return providerRow(changed)
    },
  )

  app.delete(
    '/providers/:name',
    {
      schema: {
        summary: 'Remove a provider that nobody comes from',
        ...{ params: Named, querystring: ReasonQuery, response: { 200: the(Provider) } },
      },
    },
    async ({ params, query }) => {
      const removed = await found(params.name)
      await house.providers.remove(params.name, by(query.reason))
      return providerRow(removed)
    },
  )

  app.post(
    '/providers/:name/test',
    {
      schema: {
        summary: 'Go to a provider step by step, up to the first that fails, and learn how it refuses a stranger',
        ...{ params: Named, response: { 200: listOf(the(Step)) } },
      },
    },
    async ({ params }) => {
      const steps = await Array.fromAsync(house.testProvider(await found(params.name), ACTOR))
      return steps.map(stepRow)
    },
  )

  app.post(
    '/providers/:name/sign-in',
    {
      schema: {
        summary: 'Try a password at a provider; nothing of it is kept',
        params: Named,
        body: exactly({ username: Text, password: Text }),
        response: { 200: the(Trial) },
      },
    },
    async ({ params, body }) => {
      const provider = await found(params.name)
      const read = readingAll({
        username: () => reading('username', username, body.username),
        password: () => reading('password', password, body.password),
      })
      return trialRow(await house.trySignIn(provider, read.username, read.password), provider)
    },
  )
}

/** @throws Refused */
function fieldsOf(body: Omit<Static<typeof Changed>, 'reason'>) {
  const texts = Object.entries(body).map(([name, value]) => [name, Array.isArray(value) ? value : String(value ?? '')])
  const { fields, errors } = readProviderForm(Object.fromEntries(texts) as ProviderForm)
  if (errors !== undefined) throw wrongFields(errors)
  return fields
}
