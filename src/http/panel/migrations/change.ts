import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Ledger } from '../../../model/ledger.ts'
import { sentence } from '../../../model/ledger-words.ts'
import { sizeText } from '../../../model/quota.ts'
import { disableAccount, enableAccount, setQuota } from '../../../operations/accounts.ts'
import { finishMigration } from '../../../operations/finish.ts'
import { pauseMigration, resumeMigration, retryMigration } from '../../../operations/migration-changes.ts'
import { setMigrationPassword } from '../../../operations/migration-password.ts'
import { showMigration } from '../../../operations/migrations.ts'
import { bodyOf } from '../bodies.ts'
import type { PanelDeps } from '../deps.ts'
import { form, hidden, reasonField } from '../forms.ts'
import { html, type Piece } from '../html.ts'
import { migrationPath } from '../parts.ts'
import { act, perform } from '../perform.ts'
import { show } from '../show.ts'
import { Person } from './page.ts'

const ONE = '/admin/migrations/:address'
const OPERATE = { permission: 'operate' } as const
const OWN = { permission: 'own' } as const

/** What is done to one migration or its account. Each goes back to its page, which tells what was done. */
export const migrationChanges: FastifyPluginAsyncTypebox<PanelDeps> = async (app, deps) => {
  const pathOf = ({ params }: { params: { address: string } }) => migrationPath(params.address)

  for (const [word, operation] of [
    ['pause', pauseMigration],
    ['resume', resumeMigration],
    ['retry', retryMigration],
  ] as const) {
    const schema = { params: Person, body: bodyOf(operation) }
    app.post(`${ONE}/${word}`, { config: OPERATE, schema }, (request, reply) =>
      act(request, reply, deps, operation, pathOf(request), ({ address, state }) => {
        return `The migration of ${address} is ${state} now.`
      }),
    )
  }

  app.post(
    `${ONE}/finish`,
    { config: OPERATE, schema: { params: Person, body: bodyOf(finishMigration) } },
    (request, reply) =>
      act(request, reply, deps, finishMigration, pathOf(request), ({ migration: { address }, proof }) => {
        return proof === null
          ? `The migration of ${address} will be finished after a last attempt.`
          : `The migration of ${address} is done now; ${proof}.`
      }),
  )

  app.post(
    `${ONE}/set-password`,
    { config: OPERATE, schema: { params: Person, body: bodyOf(setMigrationPassword) } },
    (request, reply) =>
      act(request, reply, deps, setMigrationPassword, pathOf(request), () => {
        return 'The old server accepts the password; it is kept.'
      }),
  )

  app.get(`${ONE}/force`, { config: OPERATE, schema: { params: Person } }, async (request, reply) => {
    const { migration, ledger } = await perform(request, deps, showMigration)
    const title = `Finish ${migration.address} by force`
    return show(request, reply, { title }, forcePage(migration.address, ledger, reply.generateCsrf()))
  })

  app.post(`${ONE}/quota`, { config: OWN, schema: { params: Person, body: bodyOf(setQuota) } }, (request, reply) =>
    act(request, reply, deps, setQuota, pathOf(request), ({ address, quotaBytes }) => {
      return `${address} ${quotaBytes === null ? 'has no quota' : `may have ${sizeText(quotaBytes)} of mail`} now.`
    }),
  )

  for (const [word, operation] of [
    ['disable', disableAccount],
    ['enable', enableAccount],
  ] as const) {
    const schema = { params: Person, body: bodyOf(operation) }
    app.post(`${ONE}/${word}`, { config: OWN, schema }, (request, reply) =>
      act(request, reply, deps, operation, pathOf(request), ({ address, enabled }) => {
        return `${address} can ${enabled ? '' : 'not '}sign in now.`
      }),
    )
  }
}

function forcePage(address: string, ledger: Ledger | null, csrf: string): Piece {
  const proof =
    ledger === null
      ? 'The copy was never compared with the old server.'
      : `The last ledger ${ledger.code === null ? 'is ' : ''}${sentence(ledger)}.`
  return html`<p class="trail"><a href=${migrationPath(address)}>${address}</a></p>
    <h1>Finish by force</h1>
    <section class="card">
      <p class="notice ${ledger?.code === null ? 'warn' : 'bad'}">${proof}</p>
      <ul>
        <li>Copying ends: mail that reached the old server since the last attempt stays there.</li>
        <li>The kept password is erased. Only a new sign-in can bring it back, if the provider allows that.</li>
        <li>No mail is deleted on either server.</li>
      </ul>
      ${form(
        `${migrationPath(address)}/finish`,
        csrf,
        html`${hidden({ force: 'yes' })}${reasonField()}
          <div class="buttons"><button class="danger">Finish ${address} now</button><a href=${migrationPath(address)}>Cancel</a></div>`,
      )}
    </section>`
}
