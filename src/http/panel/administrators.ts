import type { FastifyInstance } from 'fastify'
import { type Administrator, LEAST_PASSWORD_LENGTH, ROLES, type Role } from '../../model/administrator.ts'
import {
  addAdministrator,
  listAdministrators,
  removeAdministrator,
  setAdministratorPassword,
  setAdministratorRole,
} from '../../operations/administrators.ts'
import type { PanelDeps } from './deps.ts'
import { choiceField, form, reasonField, textField } from './forms.ts'
import { html, type Piece } from './html.ts'
import { badge, table, when } from './parts.ts'
import { perform, serveForm } from './perform.ts'
import { administrator } from './session.ts'
import { show } from './show.ts'

const PATH = '/admin/administrators'

/** Who may use these pages, and for what; for owners. */
export async function administratorPages(app: FastifyInstance, deps: PanelDeps): Promise<void> {
  app.get(PATH, { config: { permission: listAdministrators.permission } }, async (request, reply) => {
    const all = await perform(request, deps, listAdministrators)
    const content = page(all, administrator(request).name, reply.generateCsrf())
    return show(request, reply, { title: 'Administrators' }, content)
  })

  const next = () => PATH
  serveForm(app, deps, addAdministrator, {
    ...{ path: PATH, next, fields: ['name', 'role', 'password', 'reason'] },
    done: ({ administrator: { name } }) => `${name} can sign in now.`,
  })
  serveForm(app, deps, setAdministratorPassword, {
    ...{ path: `${PATH}/:name/password`, next, fields: ['password', 'reason'] },
    done: ({ administrator: { name } }) => `${name} has a new password, and is signed out everywhere.`,
  })
  serveForm(app, deps, setAdministratorRole, {
    ...{ path: `${PATH}/:name/role`, next },
    done: ({ name, role }) => `${name} is ${role} now.`,
  })
  serveForm(app, deps, removeAdministrator, {
    ...{ path: `${PATH}/:name/remove`, next },
    done: ({ name }) => `${name} is removed.`,
  })
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
