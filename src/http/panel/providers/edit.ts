import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { may } from '../../../model/administrator.ts'
import { endpointOf, isSameEndpoint } from '../../../model/endpoint.ts'
import { mostForCopying, type Provider, windowText } from '../../../model/provider.ts'
import { isRefused, type Refused } from '../../../model/refused.ts'
import { providerName } from '../../../operations/fields.ts'
import {
  changedProvider,
  newProvider,
  type ProviderFields,
  readProviderForm,
} from '../../../operations/provider-fields.ts'
import { Why } from '../bodies.ts'
import { form, reasonField, textField } from '../forms.ts'
import type { PanelDeps, PanelHouse } from '../house.ts'
import { type Content, html, type Piece } from '../html.ts'
import { facts, providerPath, when } from '../parts.ts'
import { administrator } from '../session.ts'
import { by, goOn, show } from '../show.ts'
import { bodyOf, confirmation, formOf, ProviderBody, providerFields } from './fields.ts'
import { found, Named } from './named.ts'
import { testForms } from './test.ts'

const PATH = '/admin/providers'
const NEW_PATH = '/admin/new-provider'
const OWN = { permission: 'own' } as const

type Errors = Readonly<Record<string, string>>

/** One old server: to look at, to add, to change, to remove. */
export const providerPages: FastifyPluginAsyncTypebox<PanelDeps> = async (app, { house }) => {
  app.get(NEW_PATH, { config: OWN }, (request, reply) => showForm(request, reply, null, {}, {}))

  app.post(PATH, { config: OWN, schema: { body: ProviderBody } }, async (request, reply) => {
    const { body } = request
    const name = nameIn(body)
    const read = readProviderForm(formOf(body))
    if (typeof name !== 'string' || read.errors !== undefined) {
      return showForm(request, reply, null, body, { ...read.errors, ...(typeof name !== 'string' && name) })
    }
    await house.providers.add(newProvider(name, read.fields.host ?? '', read.fields), by(request, body.reason))
    return goOn(request, reply, providerPath(name), {
      kind: 'good',
      text: `${name} is added. Test the connection now.`,
    })
  })

  app.get(`${PATH}/:name`, { schema: { params: Named } }, async (request, reply) => {
    const provider = await found(house, request.params.name)
    const { role } = administrator(request)
    const csrf = reply.generateCsrf()
    return show(
      request,
      reply,
      { title: provider.name },
      html`<p class="trail"><a href=${PATH}>Providers</a></p>
        <h1>${provider.name}</h1>
        ${may(role, 'settle') && testForms(provider, csrf)}
        ${may(role, 'own') ? html`${changeForm(provider, bodyOf(provider), {}, csrf)}${removeForm(provider, csrf)}` : lookAt(provider)}`,
    )
  })

  app.post(`${PATH}/:name`, { config: OWN, schema: { params: Named, body: ProviderBody } }, async (request, reply) => {
    const provider = await found(house, request.params.name)
    const read = readProviderForm(formOf(request.body))
    if (read.errors !== undefined) return showForm(request, reply, provider, request.body, read.errors)
    const changed = changedOrFlaw(provider, read.fields)
    const flaws = isRefused(changed, 'invalid')
      ? { tls: changed.message }
      : await confirmed(request, house, provider, changed)
    if (isRefused(changed, 'invalid') || Object.keys(flaws).length > 0) {
      return showForm(request, reply, provider, request.body, flaws)
    }
    await house.providers.set(changed, by(request, request.body.reason))
    return goOn(request, reply, providerPath(provider.name), {
      kind: 'good',
      text: `${provider.name} is changed. Test the connection now.`,
    })
  })

  app.post(`${PATH}/:name/remove`, { config: OWN, schema: { params: Named, body: Why } }, async (request, reply) => {
    const { name } = await found(house, request.params.name)
    await house.providers.remove(name, by(request, request.body.reason))
    return goOn(request, reply, PATH, { kind: 'good', text: `${name} is removed.` })
  })
}

function changedOrFlaw(provider: Provider, fields: ProviderFields): Provider | Refused {
  try {
    return changedProvider(provider, fields)
  } catch (error) {
    if (isRefused(error, 'invalid')) return error
    throw error
  }
}

/** Where people's passwords go is changed by nobody who only found the session open. Guesses are counted. */
async function confirmed(
  request: FastifyRequest<{ Body: ProviderBody }>,
  { signInAdministrator }: PanelHouse,
  before: Provider,
  after: Provider,
): Promise<Errors> {
  if (isSameEndpoint(endpointOf(before), endpointOf(after))) return {}
  const { current = '', code = '' } = request.body
  const { name } = administrator(request)
  const answer = await signInAdministrator({ name, password: current, code: code.trim() || null, client: request.ip })
  if (answer.kind === 'could-not-ask') throw answer.cause
  return UNCONFIRMED[answer.kind]
}

const UNCONFIRMED: Readonly<Record<'ok' | 'refused' | 'code-wanted' | 'throttled', Errors>> = {
  ok: {},
  refused: { current: 'People’s passwords will go there: type your own, and your code if you have one.' },
  'code-wanted': { code: 'Type your password again, and the code that your device shows now.' },
  throttled: { current: 'You tried too often: wait ten minutes.' },
}

function nameIn({ name = '' }: ProviderBody): string | Errors {
  try {
    return providerName(name.trim())
  } catch (error) {
    if (isRefused(error, 'invalid')) return { name: error.message }
    throw error
  }
}

function showForm(
  request: FastifyRequest,
  reply: FastifyReply,
  provider: Provider | null,
  body: ProviderBody,
  errors: Errors,
) {
  const title = provider === null ? 'Add an old server' : provider.name
  const csrf = reply.generateCsrf()
  const isWrong = Object.keys(errors).length > 0
  const status = isWrong ? 422 : 200
  const content = provider === null ? addForm(body, errors, csrf) : changeForm(provider, body, errors, csrf)
  const notice = isWrong
    ? { notice: { kind: 'bad', text: 'Nothing is saved yet: look at the marked fields.' } as const }
    : {}
  return show(
    request,
    reply,
    { title, status, ...notice },
    html`<p class="trail"><a href=${PATH}>Providers</a></p><h1>${title}</h1>${content}`,
  )
}

function addForm(body: ProviderBody, errors: Errors, csrf: string): Piece {
  const name = textField({
    name: 'name',
    label: 'Name',
    value: body.name ?? '',
    error: errors.name,
    required: true,
    hint: 'What it is called here; it stays.',
  })
  const fields = html`${name}${providerFields(body, errors)}${reasonField('reason', body.reason)}<div class="buttons"><button class="main">Add</button></div>`
  return html`<section class="card">${form(PATH, csrf, fields)}</section>`
}

function changeForm({ name }: Provider, body: ProviderBody, errors: Errors, csrf: string): Piece {
  const fields = html`${providerFields(body, errors)}${confirmation(errors)}${reasonField('reason', body.reason)}<div class="buttons"><button class="main">Save</button></div>`
  return html`<section class="card"><h2>Settings</h2>${form(providerPath(name), csrf, fields)}</section>`
}

function removeForm({ name }: Provider, csrf: string): Piece {
  const fields = html`<p>Only when no domain and no migration belongs to it.</p>
    ${reasonField('remove-reason')}
    <div class="buttons"><button class="danger">Remove ${name}</button></div>`
  return html`<section class="card"><h2>Remove</h2>${form(`${providerPath(name)}/remove`, csrf, fields)}</section>`
}

function lookAt(provider: Provider): Piece {
  const { host, port, tls, caFile, fingerprint, maxConnections, loginName, cutover, window, include, exclude } =
    provider
  return html`<section class="card"><h2>Settings</h2>
    ${facts([
      ['Host', `${host} port ${port}`],
      ['Protection', tls],
      ['CA file', caFile],
      ['Fingerprint', fingerprint],
      ['Connections at a time', maxConnections],
      ['Of these for copying', provider.copyConnections ?? mostForCopying(maxConnections)],
      ['Called there by', loginName],
      ['People move', cutover],
      ['Hours', windowText(window) ?? 'any'],
      ['Folders to copy', include.join(', ') || 'all'],
      ['Folders to leave out', exclude.join(', ') || 'none'],
      ['Refuses with', provider.refusal],
      ['Last test', testOf(provider)],
      ['Finished ones open again', provider.reopens ? 'yes' : 'no'],
      ['When it refuses a kept password', provider.afterRefusal],
    ])}
  </section>`
}

function testOf({ lastTest }: Provider): Content {
  if (lastTest === null) return null
  const { at, failedStep } = lastTest
  return html`${failedStep === null ? 'went well' : `failed (${failedStep})`}, ${when(at)}`
}
