import type { Account } from '../../../model/account.ts'
import type { Migration } from '../../../model/migration.ts'
import { sizeText } from '../../../model/quota.ts'
import type { MigrationFacts } from '../../../operations/migrations.ts'
import { type Remedy, stepFor } from '../../../operations/next-steps.ts'
import { form, reasonField, textField } from '../forms.ts'
import { type Content, html, type Piece } from '../html.ts'
import { migrationPath, providerPath } from '../parts.ts'
import { ACTIONS, type Action, actionOf, objectionTo } from './actions.ts'
import { REMEDY_TITLES } from './remedies.ts'
import { returnForm } from './return-form.ts'

interface Person {
  readonly migration: Migration
  readonly account: Account | null
}

interface Asking {
  readonly csrf: string
  readonly isOwner: boolean
}

/** First what helps against what stops this person, in the order of what to try; then everything else. */
export function actionSections({ migration, account }: MigrationFacts, asking: Asking): Content {
  const forms = remedyForms({ migration, account }, asking)
  const remedies = (stepFor(migration.code)?.remedies ?? []).filter((name) => forms[name] !== null)
  const isDone = migration.state === 'done'
  const isHere = migration.route === 'destination'
  const others = ACTIONS.filter(
    ({ name, isOfProxied = false }) => !isOfProxied && (name !== 'retry' || !remedies.includes('retry')),
  )
  const flips = ACTIONS.filter(({ isOfProxied }) => isOfProxied && !isHere && !isDone)
  return html`${remedies.length > 0 && html`<section class="card"><h2>What to try</h2>${remedies.map((name) => forms[name])}</section>`}
    ${flips.length > 0 && html`<section class="card"><h2>Flip</h2>${flips.map((action) => actionForm(action, migration, asking.csrf))}</section>`}
    <section class="card">
      <h2>Actions</h2>
      ${others.map((action) => actionForm(action, migration, asking.csrf))}
      ${!remedies.includes('set-password') && forms['set-password']}
      ${returnForm(migration, asking.csrf)}
      ${!isDone && forceLink(migrationPath(migration.address))}
      ${!remedies.includes('set-quota') && forms['set-quota']}
      ${account !== null && asking.isOwner && enablingForm(account, migrationPath(migration.address), asking.csrf)}
    </section>`
}

/** Null: not for this person, or not by whoever looks. */
function remedyForms({ migration, account }: Person, { csrf, isOwner }: Asking): Record<Remedy, Piece | null> {
  const path = migrationPath(migration.address)
  return {
    retry: actionForm(actionOf('retry'), migration, csrf),
    'set-password': migration.state === 'done' ? null : passwordForm(path, csrf),
    'set-quota': account === null || !isOwner ? null : quotaForm(path, account, csrf),
    'leave-filters': filtersForm(path, csrf),
    'look-at-ledger': wayTo(
      'look-at-ledger',
      '#ledger',
      'Each message that is missing or differs, further down on this page.',
    ),
    'look-at-provider': wayTo(
      'look-at-provider',
      providerPath(migration.provider),
      'Host, port, protection, certificate, and which folders are copied. On the copying host: postferry provider approve.',
    ),
  }
}

function wayTo(remedy: Remedy, href: string, what: string): Piece {
  return html`<div class="action"><a class="button" href=${href}>${REMEDY_TITLES[remedy]}</a><p>${what}</p></div>`
}

function actionForm(action: Action, migration: Migration, csrf: string): Piece {
  const { name, title, consequence, isDangerous } = action
  const objection = objectionTo(action, migration)
  if (objection !== null) {
    return html`<div class="action"><button disabled>${title}</button><p class="faint">Not now: ${objection}.</p></div>`
  }
  const fields = html`<div class="action" id=${name}>
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
    html`<div class="action" id="set-password">
      <button>Set password</button>
      <div>
        <p>Keeps another password for the old server, once the old server has accepted it.</p>
        ${textField({ name: 'password', label: 'Password on the old server', type: 'password', required: true, autocomplete: 'off' })}
        ${reasonField('reason-password')}
      </div>
    </div>`,
  )
}

function filtersForm(path: string, csrf: string): Piece {
  return form(
    `${path}/leave-filters`,
    csrf,
    html`<div class="action" id="leave-filters">
      <button class="danger">Leave the filters</button>
      <div>
        <p>The person comes to the new server without the filters that cannot come along: what they did with new mail, they do no more.</p>
        ${reasonField('reason-leave-filters')}
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
    html`<div class="action" id="set-quota">
      <button>Set quota</button>
      <div>
        <p>How much mail the account may hold on the new server. A mailbox that is larger on the old server is not copied.</p>
        ${textField({ name: 'quota_bytes', label: 'Quota', value, required: true, hint: 'As 500M or 2G, or "none".' })}
        ${reasonField('reason-quota')}
      </div>
    </div>`,
  )
}

function enablingForm({ enabled, address }: Account, path: string, csrf: string): Piece {
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
