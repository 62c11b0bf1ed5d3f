import type { FastifyInstance } from 'fastify'
import { sentence } from '../../../ledger/words.ts'
import type { Account } from '../../../model/account.ts'
import type { Ledger } from '../../../model/ledger.ts'
import type { Migration } from '../../../model/migration.ts'
import { sizeText } from '../../../model/quota.ts'
import { disableAccount, enableAccount, setQuota } from '../../../operations/accounts.ts'
import { finishMigration } from '../../../operations/finish.ts'
import {
  flipMigration,
  leaveMigrationFilters,
  pauseMigration,
  resumeMigration,
  retryMigration,
  returnMigration,
  stopMigrationFlip,
  stopMigrationReturn,
} from '../../../operations/migration-changes.ts'
import { setMigrationPassword } from '../../../operations/migration-password.ts'
import { showMigration } from '../../../operations/migrations.ts'
import type { PanelDeps } from '../deps.ts'
import { form, hidden, reasonField } from '../forms.ts'
import { html, type Piece } from '../html.ts'
import { migrationPath } from '../parts.ts'
import { perform, serveForm } from '../perform.ts'
import { show } from '../show.ts'

const ONE = '/admin/migrations/:address'

/** What is done to one migration or its account. Each goes back to its page, which tells what was done. */
export async function migrationChanges(app: FastifyInstance, deps: PanelDeps): Promise<void> {
  const next = ({ address = '' }) => migrationPath(address)
  const changed = ({ address, state }: Migration) => `The migration of ${address} is ${state} now.`
  const enabled = ({ address, enabled }: Account) => `${address} can ${enabled ? '' : 'not '}sign in now.`

  serveForm(app, deps, pauseMigration, { path: `${ONE}/pause`, next, done: changed })
  serveForm(app, deps, resumeMigration, { path: `${ONE}/resume`, next, done: changed })
  serveForm(app, deps, retryMigration, { path: `${ONE}/retry`, next, done: changed })
  serveForm(app, deps, flipMigration, {
    ...{ path: `${ONE}/flip`, next },
    done: ({ address }) => `${address} comes to the new server as soon as the mirror is ready.`,
  })
  serveForm(app, deps, stopMigrationFlip, {
    ...{ path: `${ONE}/stop-flip`, next },
    done: ({ address }) => `${address} stays on the old server for now.`,
  })
  serveForm(app, deps, leaveMigrationFilters, {
    ...{ path: `${ONE}/leave-filters`, next },
    done: ({ address }) => `${address} comes to the new server without the filters that cannot.`,
  })
  serveForm(app, deps, returnMigration, {
    ...{ path: `${ONE}/return`, next },
    done: ({ address }) => `${address} is led back to the old server by the next attempt.`,
  })
  serveForm(app, deps, stopMigrationReturn, {
    ...{ path: `${ONE}/stop-return`, next },
    done: ({ address }) => `${address} stays on the new server.`,
  })
  serveForm(app, deps, finishMigration, {
    ...{ path: `${ONE}/finish`, next },
    done: ({ migration: { address }, proof }) =>
      proof === null
        ? `The migration of ${address} will be finished after a last attempt.`
        : `The migration of ${address} is done now; ${proof}.`,
  })
  serveForm(app, deps, setMigrationPassword, {
    ...{ path: `${ONE}/set-password`, next },
    done: () => 'The old server accepts the password; it is kept.',
  })
  serveForm(app, deps, setQuota, {
    ...{ path: `${ONE}/quota`, next },
    done: ({ address, quotaBytes }) =>
      `${address} ${quotaBytes === null ? 'has no quota' : `may have ${sizeText(quotaBytes)} of mail`} now.`,
  })
  serveForm(app, deps, disableAccount, { path: `${ONE}/disable`, next, done: enabled })
  serveForm(app, deps, enableAccount, { path: `${ONE}/enable`, next, done: enabled })

  app.get(`${ONE}/force`, { config: { permission: finishMigration.permission } }, async (request, reply) => {
    const { migration, ledger } = await perform(request, deps, showMigration)
    const title = `Finish ${migration.address} by force`
    return show(request, reply, { title }, forcePage(migration, ledger, reply.generateCsrf()))
  })
}

function forcePage({ address, isFlipped }: Migration, ledger: Ledger | null, csrf: string): Piece {
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
        ${
          isFlipped &&
          html`<li>What was in the mailbox before the flip stays in .postferry/before, if it is not merged yet: “Try now” merges it.</li>`
        }
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
