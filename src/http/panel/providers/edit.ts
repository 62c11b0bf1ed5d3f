import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { may } from '../../../model/administrator.ts'
import { covers, endpointOf } from '../../../model/endpoint.ts'
import { type Provider, warningOf } from '../../../model/provider.ts'
import { stopFlips, stoppedText } from '../../../operations/provider-flips.ts'
import { useMaster } from '../../../operations/provider-master.ts'
import {
  addedText,
  addProvider,
  type ChangedProvider,
  previewProvider,
  removeProvider,
  setProvider,
  showProvider,
} from '../../../operations/providers.ts'
import { bodyOf, Secret } from '../bodies.ts'
import type { PanelDeps } from '../deps.ts'
import { checkField, form, reasonField, textField } from '../forms.ts'
import { type Content, html, type Piece } from '../html.ts'
import { noticeOf } from '../page.ts'
import { capitalised, facts, providerPath, when } from '../parts.ts'
import { flawsIn, perform, serveForm } from '../perform.ts'
import { administrator } from '../session.ts'
import { goOn, show } from '../show.ts'
import { details, providerFacts, providerFields, type Texts, textsOf } from './fields.ts'
import { testForms } from './test.ts'

const PATH = '/admin/providers'
const NEW_PATH = '/admin/new-provider'
const OWN = { permission: 'own' } as const

const Added = bodyOf(addProvider)
const Confirmation = { current: Type.Optional(Secret()), code: Type.Optional(Secret(16)) }
const Changed = Type.Object({ ...bodyOf(setProvider).properties, ...Confirmation })

/** One old server: to look at, to add, to change, to remove. */
export const providerPages: FastifyPluginAsyncTypebox<PanelDeps> = async (app, deps) => {
  app.get(NEW_PATH, { config: OWN }, (request, reply) => showForm(request, reply, null, {}, {}))

  app.post(PATH, { config: OWN, schema: { body: Added } }, async (request, reply) => {
    try {
      const added = await perform(request, deps, addProvider)
      const { name } = added
      const text = `${addedText(added)}. Test the connection now.`
      return goOn(request, reply, providerPath(name), { kind: 'good', text })
    } catch (error) {
      return showForm(request, reply, null, request.body, flawsIn(error))
    }
  })

  app.get(`${PATH}/:name`, async (request, reply) => {
    const provider = await perform(request, deps, showProvider)
    const { role } = administrator(request)
    const csrf = reply.generateCsrf()
    const content = html`<p class="trail"><a href=${PATH}>Providers</a></p>
      <h1>${provider.name}</h1>
      ${warning(provider)}
      ${may(role, 'operate') && testForms(provider, csrf)}
      ${may(role, 'own') ? html`${changeForm(provider, textsOf(provider), {}, csrf)}${masterForm(provider, csrf)}${removeForm(provider, csrf)}` : lookAt(provider)}`
    return show(request, reply, { title: provider.name }, content)
  })

  app.post(`${PATH}/:name`, { config: OWN, schema: { body: Changed } }, async (request, reply) => {
    const provider = await perform(request, deps, showProvider)
    try {
      const flaws = await unconfirmed(request, deps, await perform(request, deps, previewProvider))
      if (flaws !== null) return showForm(request, reply, provider, request.body, flaws)
      await perform(request, deps, setProvider)
    } catch (error) {
      return showForm(request, reply, provider, request.body, flawsIn(error))
    }
    const text = `${provider.name} is changed. Test the connection now.`
    return goOn(request, reply, providerPath(provider.name), { kind: 'good', text })
  })

  serveForm(app, deps, stopFlips, {
    path: `${PATH}/:name/stop-flips`,
    next: () => '/admin',
    done: (stopped) => `${capitalised(stoppedText(stopped))}.`,
  })

  serveForm(app, deps, useMaster, {
    path: `${PATH}/:name/use-master`,
    next: ({ name = '' }) => providerPath(name),
    done: ({ people }) => `The mail of ${people} people is copied from now on.`,
  })

  app.post(
    `${PATH}/:name/remove`,
    { config: OWN, schema: { body: bodyOf(removeProvider) } },
    async (request, reply) => {
      const { name } = await perform(request, deps, removeProvider)
      return goOn(request, reply, PATH, { kind: 'good', text: `${name} is removed.` })
    },
  )
}

/**
 * Where people's passwords go is changed by nobody who only found the session open. Guesses are counted. Null: there is
 * nothing more to confirm.
 */
async function unconfirmed(
  request: FastifyRequest<{ Body: Texts }>,
  { signInAdministrator }: PanelDeps,
  { before, after }: ChangedProvider,
): Promise<Texts | null> {
  if (covers(endpointOf(before), endpointOf(after))) return null
  const { current = '', code = '' } = request.body
  const { name } = administrator(request)
  const answer = await signInAdministrator({ name, password: current, code: code.trim() || null, client: request.ip })
  if (answer.kind === 'could-not-ask') throw answer.cause
  return UNCONFIRMED[answer.kind]
}

const UNCONFIRMED: Readonly<Record<'ok' | 'refused' | 'code-wanted' | 'throttled', Texts | null>> = {
  ok: null,
  refused: { current: 'People’s passwords will go there: type your own, and your code if you have one.' },
  'code-wanted': { code: 'Type your password again, and the code that your device shows now.' },
  throttled: { current: 'You tried too often: wait ten minutes.' },
}

function showForm(
  request: FastifyRequest,
  reply: FastifyReply,
  provider: Provider | null,
  texts: Texts,
  errors: Texts,
): FastifyReply {
  const title = provider === null ? 'Add an old server' : provider.name
  const csrf = reply.generateCsrf()
  const isWrong = Object.keys(errors).length > 0
  const notice = { kind: 'bad', text: 'Nothing is saved yet: look at the marked fields.' } as const
  const card = provider === null ? addForm(texts, errors, csrf) : changeForm(provider, texts, errors, csrf)
  const content = html`<p class="trail"><a href=${PATH}>Providers</a></p><h1>${title}</h1>${card}`
  return show(request, reply, { title, ...(isWrong && { status: 422, notice }) }, content)
}

function warning(provider: Provider): Content {
  const text = warningOf(provider)
  return text !== null && noticeOf({ kind: 'warn', text: `${text}.` })
}

function addForm(texts: Texts, errors: Texts, csrf: string): Piece {
  const name = textField({
    ...{ name: 'name', label: 'Name', value: texts.name ?? '', error: errors.name, required: true },
    hint: 'What it is called here. It cannot be changed later.',
  })
  const fields = html`${name}${providerFields(texts, errors, { isNew: true })}${reasonField('reason', texts.reason)}<div class="buttons"><button class="main">Add</button></div>`
  return html`<section class="card">${form(PATH, csrf, fields)}</section>`
}

function changeForm({ name }: Provider, texts: Texts, errors: Texts, csrf: string): Piece {
  const fields = html`${providerFields(texts, errors, { more: FORGET })}${confirmation(errors)}${reasonField('reason', texts.reason)}<div class="buttons"><button class="main">Save</button></div>`
  return html`<section class="card"><h2>Settings</h2>${form(providerPath(name), csrf, fields)}</section>`
}

const FORGET = checkField({
  ...{ name: 'forget_refusal', label: 'Forget how it refuses a password', checked: false },
  hint: 'The next connection test learns it again.',
})

/** What whoever changes where passwords go has to say besides. */
function confirmation(errors: Texts): Piece {
  return details(
    'When host, port, protection or certificate change',
    ['current', 'code', 'tls'].some((name) => errors[name] !== undefined),
    html`<p>People's passwords are sent there. On the copying host somebody has to approve it, too: <code>postferry provider approve</code>.</p>
      ${textField({ name: 'current', label: 'Your current password', type: 'password', autocomplete: 'current-password', error: errors.current })}
      ${textField({ name: 'code', label: 'Your code', autocomplete: 'one-time-code', hint: 'If you sign in with one.', error: errors.code })}
      ${checkField({ name: 'plain_text', label: 'Passwords may travel in the clear', checked: false, hint: 'Only to take the protection away.' })}`,
  )
}

function masterForm({ name, masterName }: Provider, csrf: string): Piece | null {
  if (masterName === null) return null
  const fields = html`<p>Copies the mail of all who have not signed in here yet. Nobody gets an account by that.</p>
    ${textField({ name: 'password', label: `Password of ${masterName}`, type: 'password', required: true })}
    ${reasonField('master-reason')}
    <div class="buttons"><button class="main">Copy as ${masterName}</button></div>`
  return html`<section class="card"><h2>Master user</h2>${form(`${providerPath(name)}/use-master`, csrf, fields)}</section>`
}

function removeForm({ name }: Provider, csrf: string): Piece {
  const fields = html`<p>Only when no domain and no migration belongs to it.</p>
    ${reasonField('remove-reason')}
    <div class="buttons"><button class="danger">Remove ${name}</button></div>`
  return html`<section class="card"><h2>Remove</h2>${form(`${providerPath(name)}/remove`, csrf, fields)}</section>`
}

function lookAt(provider: Provider): Piece {
  return html`<section class="card"><h2>Settings</h2>
    ${facts([...providerFacts(provider), ['Refuses with', provider.refusal], ['Last test', testOf(provider)]])}
  </section>`
}

function testOf({ lastTest }: Provider): Content {
  if (lastTest === null) return null
  const { at, failedStep } = lastTest
  return html`${failedStep === null ? 'passed' : `failed (${failedStep})`}, ${when(at)}`
}
