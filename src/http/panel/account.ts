import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { encode } from 'uqr'
import {
  type Administrator,
  byAdministrator,
  isAdministratorPassword,
  LEAST_PASSWORD_LENGTH,
} from '../../model/administrator.ts'
import { newTotp, totpStep } from '../../operations/totp.ts'
import { Secret, SHORT_PASSWORD } from './bodies.ts'
import type { PanelDeps } from './deps.ts'
import { form, textField } from './forms.ts'
import { type Content, html, type Piece } from './html.ts'
import type { Notice } from './page.ts'
import { administrator } from './session.ts'
import { goOn, show } from './show.ts'

declare module '@fastify/secure-session' {
  interface SessionData {
    /** A second factor that is not confirmed yet, sealed. */
    totp: { readonly sealed: string; readonly uri: string }
  }
}

const PATH = '/admin/account'
const SEE = { permission: 'see' } as const

const NewPassword = Type.Object({
  current: Secret(),
  password: Secret(),
})
const Current = Type.Object({ current: Secret() })
const Code = Type.Object({ code: Secret(16) })

/** What administrators change about themselves: password and second factor. */
export const accountPage: FastifyPluginAsyncTypebox<PanelDeps> = async (app, deps) => {
  app.get(PATH, (request, reply) => {
    const self = administrator(request)
    const csrf = reply.generateCsrf()
    const content = html`<h1>${self.name}</h1>${passwordForm(csrf)}${secondFactor(self, request.session.get('totp')?.uri, csrf)}`
    return show(request, reply, { title: 'Your account' }, content)
  })

  app.post(`${PATH}/password`, { config: SEE, schema: { body: NewPassword } }, async (request, reply) => {
    const { name } = administrator(request)
    const { current, password } = request.body
    if (!isAdministratorPassword(password)) return goOn(request, reply, PATH, SHORT_PASSWORD)
    if (!(await isOwn(current, request, deps))) return goOn(request, reply, PATH, WRONG)
    await deps.administrators.setPassword(name, await deps.hasher.hash(password), byAdministrator(name))
    return await stay(request, reply, deps, 'You have a new password. Your other sessions have ended.')
  })

  app.post(`${PATH}/totp`, { config: SEE, schema: { body: Current } }, async (request, reply) => {
    const { name } = administrator(request)
    if (!(await isOwn(request.body.current, request, deps))) return goOn(request, reply, PATH, WRONG)
    const { sealed, uri } = await newTotp(name, deps.totpSealer)
    request.session.set('totp', { sealed: Buffer.from(sealed).toString('base64'), uri })
    return reply.redirect(PATH, 303)
  })

  app.post(`${PATH}/totp/confirm`, { config: SEE, schema: { body: Code } }, async (request, reply) => {
    const { name } = administrator(request)
    const sealed = Buffer.from(request.session.get('totp')?.sealed ?? '', 'base64')
    if (sealed.length === 0) return reply.redirect(PATH, 303)
    const step = await totpStep(deps.totpSealer.open(name, sealed), request.body.code, new Date())
    if (step === null) {
      return goOn(request, reply, PATH, {
        kind: 'bad',
        text: 'The code is wrong: look at the clock of your device, and try the next one.',
      })
    }
    await deps.administrators.setTotp(name, sealed, byAdministrator(name), step)
    request.session.set('totp', undefined)
    return await stay(request, reply, deps, 'From now on you sign in with a code, too.')
  })

  app.post(`${PATH}/totp/remove`, { config: SEE, schema: { body: Current } }, async (request, reply) => {
    const { name } = administrator(request)
    if (!(await isOwn(request.body.current, request, deps))) return goOn(request, reply, PATH, WRONG)
    await deps.administrators.setTotp(name, null, byAdministrator(name))
    return await stay(request, reply, deps, 'You sign in without a code again.')
  })
}

const WRONG: Notice = {
  kind: 'bad',
  text: 'Nothing is changed: your current password is another one, or you tried too often.',
}

/** Whether it is the password of whoever asks: a session that was left open is not enough. Guesses are counted. */
async function isOwn(password: string, request: FastifyRequest, deps: PanelDeps): Promise<boolean> {
  const { name } = administrator(request)
  const { kind } = await deps.signInAdministrator({ name, password, code: null, client: request.ip })
  return kind === 'ok' || kind === 'code-wanted'
}

/** Goes on in this session, which a change has ended as all others. */
async function stay(request: FastifyRequest, reply: FastifyReply, { administrators }: PanelDeps, text: string) {
  const known = await administrators.find(administrator(request).name)
  if (known !== null) request.session.set('stamp', known.stamp)
  return goOn(request, reply, PATH, { kind: 'good', text })
}

function passwordForm(csrf: string): Piece {
  return html`<section class="card"><h2>Password</h2>
    ${form(
      `${PATH}/password`,
      csrf,
      html`${currentField('current')}
        ${textField({ name: 'password', label: 'New password', type: 'password', required: true, autocomplete: 'new-password', hint: `At least ${LEAST_PASSWORD_LENGTH} characters.` })}
        <div class="buttons"><button class="main">Change it</button></div>`,
    )}
  </section>`
}

function currentField(id: string): Piece {
  return html`<div class="field">
    <label for=${id}>Current password</label>
    <input id=${id} name="current" type="password" required autocomplete="current-password" />
  </div>`
}

function secondFactor({ hasTotp }: Administrator, uri: string | undefined, csrf: string): Piece {
  return html`<section class="card"><h2>Second factor</h2>${uri !== undefined ? confirmation(uri, csrf) : hasTotp ? removal(csrf) : offer(csrf)}</section>`
}

function offer(csrf: string): Content {
  return form(
    `${PATH}/totp`,
    csrf,
    html`<p>Off. With it, a sign-in also wants a code that an app on your phone shows.</p>
      ${currentField('totp-current')}<div class="buttons"><button>Turn it on</button></div>`,
  )
}

function removal(csrf: string): Content {
  return form(
    `${PATH}/totp/remove`,
    csrf,
    html`<p>On.</p>${currentField('totp-current')}<div class="buttons"><button class="danger">Turn it off</button></div>`,
  )
}

function confirmation(uri: string, csrf: string): Content {
  return html`<p>Scan this with your app, or type the secret: <code>${new URL(uri).searchParams.get('secret')}</code></p>
    ${qrCode(uri)}
    ${form(
      `${PATH}/totp/confirm`,
      csrf,
      html`${textField({ name: 'code', label: 'Code that the app shows now', required: true, autocomplete: 'one-time-code', inputmode: 'numeric' })}
        <div class="buttons"><button class="main">Confirm</button></div>`,
    )}`
}

/** A QR code (ISO/IEC 18004) of a text. */
function qrCode(text: string): Piece {
  const { data, size } = encode(text, { border: 2 })
  const squares = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])))
  return html`<svg class="qr" viewBox="0 0 ${size} ${size}" role="img" aria-label="QR code"><rect width=${size} height=${size} /><path d=${squares.join('')} /></svg>`
}
