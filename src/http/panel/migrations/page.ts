import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Account } from '../../../model/account.ts'
import { may } from '../../../model/administrator.ts'
import type { Migration } from '../../../model/migration.ts'
import { sizeText } from '../../../model/quota.ts'
import { type MigrationFacts, migrationStatus, showMigration } from '../../../operations/migrations.ts'
import { megabytes } from '../../../operations/progress-words.ts'
import type { PanelDeps } from '../deps.ts'
import { html, type Piece } from '../html.ts'
import { live, sendPiece } from '../live.ts'
import { badge, facts, migrationPath, providerPath, when, withQuery } from '../parts.ts'
import { perform } from '../perform.ts'
import { administrator } from '../session.ts'
import { show } from '../show.ts'
import { actionSections } from './action-forms.ts'
import { attemptSection, auditTable, credentialSection } from './history.ts'
import { ledgerSection } from './ledger.ts'
import { statusPiece } from './status.ts'

const ONE = '/admin/migrations/:address'
const STATUS_S = 2
const REST_S = 5

/** Everything about one person's migration, and what can be done with it: all of it as it is now. */
export async function migrationPage(app: FastifyInstance, deps: PanelDeps): Promise<void> {
  const actions = async (request: FastifyRequest, shown: MigrationFacts, csrf: string) => {
    const { role } = administrator(request)
    return html`<div>${may(role, 'operate') && actionSections(shown, { csrf, isOwner: may(role, 'own') })}</div>`
  }

  app.get(ONE, async (request, reply) => {
    const shown = await perform(request, deps, showMigration)
    const { migration, attempts, latest } = shown
    const path = migrationPath(migration.address)
    const [lastAttempt = null, attemptBefore = null] = attempts
    const content = html`<p class="trail"><a href="/admin/migrations">Migrations</a></p>
      <h1>${migration.address}</h1>
      ${live(`${path}/now`, STATUS_S, statusPiece({ migration, lastAttempt, attemptBefore, plan: latest }))}
      ${live(`${path}/actions`, REST_S, await actions(request, shown, reply.generateCsrf()))}
      ${live(`${path}/facts`, REST_S, factsPiece(shown))}`
    return show(request, reply, { title: migration.address }, content)
  })

  app.get(`${ONE}/now`, async (request, reply) =>
    sendPiece(reply, statusPiece(await perform(request, deps, migrationStatus))),
  )
  app.get(`${ONE}/actions`, async (request, reply) =>
    sendPiece(reply, await actions(request, await perform(request, deps, showMigration), reply.generateCsrf())),
  )
  app.get(`${ONE}/facts`, async (request, reply) =>
    sendPiece(reply, factsPiece(await perform(request, deps, showMigration))),
  )
}

function factsPiece({
  migration,
  account,
  attempts,
  readToday,
  ledger,
  differences,
  credential,
  entries,
}: MigrationFacts): Piece {
  const { address } = migration
  return html`<div>
    ${ledgerSection(ledger, differences.rows, address)}
    ${attemptSection(attempts)}
    <section class="card"><h2>Person</h2>${personFacts(migration, account, readToday)}</section>
    ${credentialSection(credential)}
    <section class="card">
      <h2>Audit</h2>
      ${auditTable(entries, 'No changes yet.')}
      <p><a href=${withQuery('/admin/audit', { subject: address })}>All changes of this person</a></p>
    </section>
  </div>`
}

const WHERE = {
  source: 'the old server',
  held: 'nowhere for a moment: the flip goes on',
  destination: 'the new server',
}

function personFacts(migration: Migration, account: Account | null, readToday: number): Piece {
  const { provider, oldUsername, oldDomain, route, createdAt, pausedFrom } = migration
  return facts([
    ['Old server', html`<a href=${providerPath(provider)}>${provider}</a>`],
    ['Old user name', oldUsername],
    ['Old domain', oldDomain],
    ['Read there today (UTC)', megabytes(readToday)],
    ['Sessions and mail go to', WHERE[route]],
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
