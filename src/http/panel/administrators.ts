import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { type Administrator, LEAST_PASSWORD_LENGTH, ROLES, type Role } from '../../model/administrator.ts'
import {
  addAdministrator,
  listAdministrators,
  removeAdministrator,
  setAdministratorPassword,
  setAdministratorRole,
} from '../../operations/administrators.ts'
import { Secret, Why } from './bodies.ts'
import type { PanelDeps } from './deps.ts'
import { choiceField, form, reasonField, textField } from './forms.ts'
import { html, type Piece } from './html.ts'
import { badge, table, when } from './parts.ts'
import { act, perform } from './perform.ts'
import { administrator } from './session.ts'
import { show } from './show.ts'

const PATH = '/admin/administrators'
const OWN = { permission: 'own' } as const

const OneRole = Type.Union(ROLES.map((role) => Type.Literal(role)))
const One = Type.Object({ name: Type.String({ maxLength: 64 }) })
const NewOne = Type.Object({
  ...Why.properties,
  name: Type.String(),
  role: OneRole,
  password: Secret(),
})
const NewPassword = Type.Object({ ...Why.properties, password: Secret() })
const NewRole = Type.Object({ ...Why.properties, role: OneRole })

/** Who may use these pages, and for what; for owners. */
export const administratorPages: FastifyPluginAsyncTypebox<PanelDeps> = async (app, deps) => {
  app.get(PATH, { config: OWN }, async (request, reply) => {
    const all = await perform(request, deps, listAdministrators)
    return show(
      request,
      reply,
      { title: 'Administrators' },
      page(all, administrator(request).name, reply.generateCsrf()),
    )
  })

  app.post(PATH, { config: OWN, schema: { body: NewOne } }, (request, reply) =>
    act(request, reply, deps, addAdministrator, PATH, ({ administrator: { name } }) => `${name} can sign in now.`),
  )

  app.post(`${PATH}/:name/password`, { config: OWN, schema: { params: One, body: NewPassword } }, (request, reply) =>
    act(request, reply, deps, setAdministratorPassword, PATH, ({ administrator: { name } }) => {
      return `${name} has a new password, and is signed out everywhere.`
    }),
  )

  app.post(`${PATH}/:name/role`, { config: OWN, schema: { params: One, body: NewRole } }, (request, reply) =>
    act(request, reply, deps, setAdministratorRole, PATH, ({ name, role }) => `${name} is ${role} now.`),
  )

  app.post(`${PATH}/:name/remove`, { config: OWN, schema: { params: One, body: Why } }, (request, reply) =>
    act(request, reply, deps, removeAdministrator, PATH, ({ name }) => `${name} is removed.`),
  )
}

const ROLE_TITLES: Readonly<Record<Role, string>> = {
  viewer: 'viewer: sees everything',
  operator: 'operator: also acts on migrations and imports users',
  owner: 'owner: also changes providers, accounts and administrators',
}
const ROLE_CHOICES = ROLES.map((role) => [role, ROLE_TITLES[role]] as const)

function page(all: readonly Administrator[], self: string, csrf: string): Piece {
  return html`<h1>Administrators</h1>
    <section class="card">
      ${table(
        'Who may use these pages',
        [
          { head: 'Name', cell: ({ name }) => html`${name} ${name === self && badge('you', 'info')}` },
          { head: 'Role', cell: ({ role }) => badge(role, 'plain') },
          { head: 'Second factor', cell: ({ hasTotp }) => (hasTotp ? badge('on', 'good') : 'off') },
          { head: 'Since', cell: ({ createdAt }) => when(createdAt) },
          { head: 'Last sign-in', cell: ({ signedInAt }) => when(signedInAt, 'relative') },
          { head: 'Change', cell: (one) => changeForms(one, csrf) },
        ],
        all,
        'There is none.',
      )}
      <p class="faint">Everybody turns on a second factor at <a href="/admin/account">their own account</a>. Who has lost it: <code>postferry admin passwd NAME --no-totp</code></p>
    </section>
    <section class="card">
      <h2>Add an administrator</h2>
      ${form(
        PATH,
        csrf,
        html`${textField({ name: 'name', label: 'Name', required: true })}
          ${choiceField({ name: 'role', label: 'Role', value: 'viewer', choices: ROLE_CHOICES })}
          ${textField({ name: 'password', label: 'Password', type: 'password', required: true, autocomplete: 'new-password', hint: `At least ${LEAST_PASSWORD_LENGTH} characters.` })}
          ${reasonField('add-reason')}
          <div class="buttons"><button class="main">Add</button></div>`,
      )}
    </section>`
}

function changeForms({ name, role }: Administrator, csrf: string): Piece {
  const path = `${PATH}/${encodeURIComponent(name)}`
  const others = ROLE_CHOICES.map(
    ([choice]) => html`<option value=${choice} selected=${choice === role}>${choice}</option>`,
  )
  return html`<details>
    <summary>Change ${name}</summary>
    ${form(`${path}/role`, csrf, html`<div class="buttons"><select name="role" aria-label="Role of ${name}">${others}</select><button>Set role</button></div>`)}
    ${form(
      `${path}/password`,
      csrf,
      html`<div class="buttons">
        <input type="password" name="password" required minlength=${LEAST_PASSWORD_LENGTH} autocomplete="new-password" aria-label="New password of ${name}" />
        <button>Set password</button>
      </div>`,
    )}
    ${form(`${path}/remove`, csrf, html`<div class="buttons"><button class="danger">Remove ${name}</button></div>`)}
  </details>`
}
