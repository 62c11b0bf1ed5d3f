import type { FastifyInstance } from 'fastify'
import type { Account } from '../../../model/account.ts'
import { type Administrator, may } from '../../../model/administrator.ts'
import type { Migration } from '../../../model/migration.ts'
import { sizeText } from '../../../model/quota.ts'
import { type MigrationStatus, migrationStatus, showMigration } from '../../../operations/migrations.ts'
import { nextStep } from '../../../operations/next-steps.ts'
import type { PanelDeps } from '../deps.ts'
import { form, reasonField, textField } from '../forms.ts'
import { type Content, html, type Piece } from '../html.ts'
import { badge, capitalised, facts, migrationPath, providerPath, stateBadge, when, withQuery } from '../parts.ts'
import { perform } from '../perform.ts'
import { administrator } from '../session.ts'
import { show } from '../show.ts'
import { ACTIONS, type Action, objectionTo } from './actions.ts'
import { attemptSection, auditTable, credentialSection } from './history.ts'
import { ledgerSection } from './ledger.ts'

/** Everything about one person's migration, and what can be done with it. */
export async function migrationPage(app: FastifyInstance, deps: PanelDeps): Promise<void> {
  app.get('/admin/migrations/:address', async (request, reply) => {
    const facts = await perform(request, deps, showMigration)
    const { migration, attempts, ledger, differences, credential, account, entries } = facts
    const { address } = migration
    const trail = withQuery('/admin/audit', { subject: address })
    const content = html`<p class="trail"><a href="/admin/migrations">Migrations</a></p>
      <h1>${address}</h1>
      <div hx-sse:connect="${migrationPath(address)}/events" hx-swap="innerMorph">${status({ migration, lastAttempt: attempts[0] ?? null })}</div>
      <section class="card"><h2>Person</h2>${personFacts(migration, account)}</section>
      ${actionSection(migration, account, administrator(request), reply.generateCsrf())}
      ${ledgerSection(ledger, differences.rows, address)}
      ${attemptSection(attempts)}
      ${credentialSection(credential)}
      <section class="card">
        <h2>Audit</h2>
        ${auditTable(entries, 'No changes yet.')}
        <p><a href=${trail}>All changes of this person</a></p>
      </section>`
    return show(request, reply, { title: address }, content)
  })

  app.get('/admin/migrations/:address/events', async (request, reply) => {
    await deps.events.stream(request, reply, async () => status(await perform(request, deps, migrationStatus)))
    return reply
  })
}

/** How it goes at this moment. */
function status({ migration, lastAttempt }: MigrationStatus): Piece {
  const isRunning = lastAttempt !== null && lastAttempt.endedAt === null
  const next = nextStep(migration.code)
  return html`<section class="card">
    <h2>State</h2>
    <p><span aria-live="polite">${stateBadge(migration)}</span> ${migration.isFinishRequested && badge('finish requested', 'info')} changed ${when(migration.changedAt, 'relative')}</p>
    ${isRunning && html`<p>${badge('copying', 'info')} ${lastAttempt.messages} messages so far, on ${lastAttempt.host}, since ${when(lastAttempt.startedAt, 'relative')}</p>`}
    ${next && html`<p class="notice warn">${capitalised(next)}.</p>`}
  </section>`
}

function personFacts(migration: Migration, account: Account | null): Piece {
  const { provider, oldUsername, oldDomain, route, createdAt, pausedFrom } = migration
  return facts([
    ['Provider', html`<a href=${providerPath(provider)}>${provider}</a>`],
    ['Old user name', oldUsername],
    ['Old domain', oldDomain],
    ['Sessions and mail go to', route === 'source' ? 'the old server' : 'the new server'],
    ['Paused from', pausedFrom],
    ['Created', when(createdAt)],
    [
      'Account',
      account === null ? 'none: not signed in yet' : account.enabled ? 'may sign in' : badge('disabled', 'bad'),
    ],
    ['Home', account?.home ?? null],
    ['Quota', account?.quotaBytes ? sizeText(account.quotaBytes) : null],
  ])
}

function actionSection(migration: Migration, account: Account | null, who: Administrator, csrf: string): Content {
  if (!may(who.role, 'operate')) return null
  const path = migrationPath(migration.address)
  const isDone = migration.state === 'done'
  return html`<section class="card">
    <h2>Actions</h2>
    ${ACTIONS.map((action) => actionForm(action, migration, csrf))}
    ${!isDone && passwordForm(path, csrf)}
    ${!isDone && forceLink(path)}
    ${account !== null && may(who.role, 'own') && html`${quotaForm(path, account, csrf)}${enablingForm(path, account, csrf)}`}
  </section>`
}

function actionForm(action: Action, migration: Migration, csrf: string): Piece {
  const { name, title, consequence, isDangerous } = action
  const objection = objectionTo(action, migration)
  if (objection !== null) {
    return html`<div class="action"><button disabled>${title}</button><p class="faint">Not now: ${objection}.</p></div>`
  }
  const fields = html`<div class="action">
    <button class=${isDangerous ? 'danger' : undefined}>${title}</button>
    <div>
      <p>${consequence}</p>
      ${reasonField(`reason-${name}`)}
    </div>
  </div>`
  return form(`${migrationPath(migration.address)}/${name}`, csrf, fields)
}

function passwordForm(path: string, csrf: string): Piece {
  return form(
    `${path}/set-password`,
    csrf,
    html`<div class="action">
      <button>Set password</button>
      <div>
        <p>Keeps another password for the old server, once the old server has accepted it.</p>
        ${textField({ name: 'password', label: 'Password on the old server', type: 'password', required: true, autocomplete: 'off' })}
        ${reasonField('reason-password')}
      </div>
    </div>`,
  )
}

function forceLink(path: string): Piece {
  return html`<div class="action">
    <a class="button danger" href="${path}/force">Finish by force…</a>
    <p>At once, without a last attempt and a clean ledger. The next page shows what may be lost.</p>
  </div>`
}

function quotaForm(path: string, { quotaBytes }: Account, csrf: string): Piece {
  const value = quotaBytes === null ? 'none' : sizeText(quotaBytes)
  return form(
    `${path}/quota`,
    csrf,
    html`<div class="action">
      <button>Set quota</button>
      <div>
        <p>How much mail the account may hold on the new server. A mailbox that is larger on the old server is not copied.</p>
        ${textField({ name: 'quota_bytes', label: 'Quota', value, required: true, hint: 'As 500M or 2G, or "none".' })}
        ${reasonField('reason-quota')}
      </div>
    </div>`,
  )
}

function enablingForm(path: string, { enabled, address }: Account, csrf: string): Piece {
  const [name, title] = enabled ? ['disable', 'Disable account'] : ['enable', 'Enable account']
  const consequence = enabled
    ? html`Nobody can sign in as ${address}. Open sessions continue: end them with <code>doveadm kick ${address}</code>.`
    : 'The person can sign in again.'
  return form(
    `${path}/${name}`,
    csrf,
    html`<div class="action">
      <button class=${enabled ? 'danger' : undefined}>${title}</button>
      <div><p>${consequence}</p>${reasonField('reason-enabling')}</div>
    </div>`,
  )
}
