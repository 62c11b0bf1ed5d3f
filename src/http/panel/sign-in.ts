import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { byAdministrator } from '../../model/administrator.ts'
import type { AdministratorAnswer } from '../../operations/administrator-login.ts'
import { Secret } from './bodies.ts'
import type { PanelDeps } from './deps.ts'
import { form, hidden, textField } from './forms.ts'
import { html, type Piece } from './html.ts'
import { pageBefore, pathWithin } from './own-pages.ts'
import type { Notice } from './page.ts'
import { SIGN_IN_PATH } from './session.ts'
import { goOn, show } from './show.ts'
import { askAgain, Unsent, unsentOf } from './unsent.ts'

type SignInDeps = Pick<PanelDeps, 'signInAdministrator' | 'administrators'>

const Words = Type.Object({
  name: Type.String({ maxLength: 64 }),
  password: Secret(),
  code: Type.Optional(Secret(16)),
  next: Type.Optional(Type.String({ maxLength: 2048 })),
  unsent: Type.Optional(Unsent),
})

type Failed = Exclude<AdministratorAnswer['kind'], 'ok'>

const FAILED: Readonly<Record<Failed, { status: number; notice: Notice }>> = {
  refused: { status: 401, notice: { kind: 'bad', text: 'The name, the password or the code is wrong.' } },
  'code-wanted': {
    status: 401,
    notice: { kind: 'warn', text: 'Type your password again, and the code that your app shows.' },
  },
  throttled: { status: 429, notice: { kind: 'bad', text: 'Too many failed sign-ins: try again in ten minutes.' } },
  'could-not-ask': { status: 503, notice: { kind: 'bad', text: 'The database is away: try again in a moment.' } },
}

/** The page that lets administrators in, and the way out. */
export const signInPages: FastifyPluginAsyncTypebox<SignInDeps> = async (app, deps) => {
  app.get(
    SIGN_IN_PATH,
    { schema: { querystring: Type.Object({ next: Type.Optional(Type.String()) }) } },
    (request, reply) => ask(request, reply, { status: 200, next: request.query.next }),
  )

  app.post(SIGN_IN_PATH, { schema: { body: Words }, preHandler: app.csrfProtection }, async (request, reply) => {
    const { name, password, code = '', next, unsent } = request.body
    const answer = await deps.signInAdministrator({
      name,
      password,
      code: code === '' ? null : code,
      client: request.ip ?? null,
    })
    if (answer.kind !== 'ok') return ask(request, reply, { ...FAILED[answer.kind], name, next, unsent })
    // Another session than before: whoever knew that one is not let in with it.
    request.session.regenerate()
    request.session.set('name', answer.administrator.name)
    request.session.set('stamp', answer.stamp)
    request.session.set('signedInAt', Date.now())
    const page = pathWithin(next) ?? '/admin'
    if (unsent === undefined) return reply.redirect(page, 303)
    request.administrator = answer.administrator
    return askAgain(request, reply, unsent, page)
  })

  app.post('/admin/sign-out', { preHandler: app.csrfProtection }, async (request, reply) => {
    const name = request.session.get('name')
    request.session.regenerate()
    if (name !== undefined) await deps.administrators.endSessions(name, byAdministrator(name))
    return goOn(request, reply, SIGN_IN_PATH, { kind: 'good', text: 'You are signed out, on all devices.' })
  })
}

/** Lets whoever has sent a form too late sign in first. */
export async function signInForForm(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
  if (request.administrator !== null) return
  const unsent = unsentOf(request)
  request.session.regenerate()
  const notice = unsent === null ? TOO_LONG : ENDED
  const next = pageBefore(request)
  return ask(request, reply, { status: 401, notice, next: next ?? undefined, unsent: unsent ?? undefined })
}

const ENDED: Notice = {
  kind: 'warn',
  text: 'Your session has ended, and nothing was done. Sign in: what you typed is kept, but for passwords.',
}
const TOO_LONG: Notice = {
  kind: 'warn',
  text: 'Your session has ended, and nothing was done. Sign in, and fill in the form again.',
}

interface Asking {
  readonly status: number
  readonly name?: string
  readonly next?: string | undefined
  readonly unsent?: string | undefined
  readonly notice?: Notice
}

function ask(request: FastifyRequest, reply: FastifyReply, { status, notice, ...asking }: Asking): FastifyReply {
  const shown = { title: 'Sign in', status, ...(notice && { notice }) }
  return show(request, reply, shown, signInForm(reply.generateCsrf(), asking))
}

function signInForm(csrf: string, { name = '', next, unsent }: Omit<Asking, 'status' | 'notice'>): Piece {
  return html`<div class="card narrow">
    <h1>postferry</h1>
    ${form(
      SIGN_IN_PATH,
      csrf,
      html`
        ${hidden({ next, unsent })}
        ${textField({ name: 'name', label: 'Name', value: name, required: true, autocomplete: 'username' })}
        ${textField({ name: 'password', label: 'Password', type: 'password', required: true, autocomplete: 'current-password' })}
        ${textField({ name: 'code', label: 'Code', hint: 'Six digits from your app, where you have one.', autocomplete: 'one-time-code', inputmode: 'numeric' })}
        <div class="buttons"><button class="main">Sign in</button></div>
      `,
    )}
    <p class="faint">No account yet? On the server: <code>postferry admin add NAME</code></p>
  </div>`
}
