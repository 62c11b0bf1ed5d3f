import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { By } from '../../../model/audit.ts'
import type { Ledger } from '../../../model/ledger.ts'
import { sentence } from '../../../model/ledger-words.ts'
import { isPassword } from '../../../model/password.ts'
import { sizeText } from '../../../model/quota.ts'
import { isRefused } from '../../../model/refused.ts'
import { AUDIT_ACTIONS, BULK_TRANSITIONS } from '../../../operations/bulk.ts'
import { quota as readQuota } from '../../../operations/fields.ts'
import { whyNotRenewed } from '../../../operations/renew-credential.ts'
import type { SourceAnswer } from '../../../source/ports.ts'
import { Secret, Why } from '../bodies.ts'
import { form, reasonField } from '../forms.ts'
import type { PanelDeps } from '../house.ts'
import { html, type Piece } from '../html.ts'
import type { Notice } from '../page.ts'
import { capitalised, migrationPath } from '../parts.ts'
import { by, goOn, show } from '../show.ts'
import { notFound } from '../trouble.ts'
import { ACTIONS } from './actions.ts'
import { found, Person } from './page.ts'

const NewPassword = Type.Object({ ...Why.properties, password: Secret() })

const NewQuota = Type.Object({ ...Why.properties, quota: Type.String({ maxLength: 40 }) })
const SETTLE = { permission: 'settle' } as const
const OWN = { permission: 'own' } as const

/** What is done to one migration or its account. Each goes back to its page, which tells what was done. */
export const settling: FastifyPluginAsyncTypebox<PanelDeps> = async (app, { house }) => {
  for (const { name } of ACTIONS) {
    app.post(
      `/admin/migrations/:address/${name}`,
      { config: SETTLE, schema: { params: Person, body: Why } },
      async (request, reply) => {
        const { address } = request.params
        const change = { ...by(request, request.body.reason), action: AUDIT_ACTIONS[name] }
        const after = await house.migrations.take(address, BULK_TRANSITIONS[name], change)
        if (after === null) throw notFound()
        const text = after.isFinishRequested
          ? `${address} will be finished after a last attempt.`
          : `The migration of ${address} is ${after.state} now.`
        return goOn(request, reply, migrationPath(address), { kind: 'good', text })
      },
    )
  }

  app.post(
    '/admin/migrations/:address/set-password',
    { config: SETTLE, schema: { params: Person, body: NewPassword } },
    async (request, reply) => {
      const { address } = request.params
      const { password, reason } = request.body
      const notice = isPassword(password)
        ? toldBy(await house.renewCredential(address, password, by(request, reason)))
        : NO_PASSWORD
      return goOn(request, reply, migrationPath(address), notice)
    },
  )

  app.get(
    '/admin/migrations/:address/force',
    { config: SETTLE, schema: { params: Person } },
    async (request, reply) => {
      const migration = await found(house, request.params.address)
      const ledger = await house.ledgers.find(migration.id)
      return show(
        request,
        reply,
        { title: `Finish ${migration.address} by force` },
        forcePage(migration.address, ledger, reply.generateCsrf()),
      )
    },
  )

  app.post(
    '/admin/migrations/:address/force',
    { config: SETTLE, schema: { params: Person, body: Why } },
    async (request, reply) => {
      const { address } = request.params
      const finished = await house.finish(address, true, by(request, request.body.reason))
      if (finished === null) throw notFound()
      return goOn(request, reply, migrationPath(address), {
        kind: 'good',
        text: `The migration of ${address} is done now; ${finished.proof}.`,
      })
    },
  )

  app.post(
    '/admin/migrations/:address/quota',
    { config: OWN, schema: { params: Person, body: NewQuota } },
    async (request, reply) => {
      const { address } = request.params
      const { quota, reason } = request.body
      const notice = await quotaSet(address, quota, by(request, reason), house.accounts)
      return goOn(request, reply, migrationPath(address), notice)
    },
  )

  for (const [name, enabled] of [
    ['disable', false],
    ['enable', true],
  ] as const) {
    app.post(
      `/admin/migrations/:address/${name}`,
      { config: OWN, schema: { params: Person, body: Why } },
      async (request, reply) => {
        const { address } = request.params
        if (!(await house.accounts.setEnabled(address, enabled, by(request, request.body.reason)))) throw notFound()
        return goOn(request, reply, migrationPath(address), {
          kind: 'good',
          text: `${address} can ${enabled ? '' : 'not '}sign in now.`,
        })
      },
    )
  }
}

async function quotaSet(
  address: string,
  text: string,
  why: By,
  accounts: PanelDeps['house']['accounts'],
): Promise<Notice> {
  try {
    const bytes = readQuota(text.trim())
    if (!(await accounts.setQuota(address, bytes, why))) throw notFound()
    const done = bytes === null ? 'has no quota now' : `may have ${sizeText(bytes)} of mail now`
    return { kind: 'good', text: `${address} ${done}.` }
  } catch (error) {
    if (!isRefused(error, 'invalid')) throw error
    return { kind: 'bad', text: `The quota was not changed. ${error.message}` }
  }
}

const NO_PASSWORD: Notice = {
  kind: 'bad',
  text: 'That is no password: one line, not empty, 1024 bytes at most. Nothing is changed.',
}

function toldBy(answer: SourceAnswer): Notice {
  if (answer.kind === 'yes') return { kind: 'good', text: 'The old server accepts the password; it is kept.' }
  return { kind: answer.kind === 'trouble' ? 'warn' : 'bad', text: `${capitalised(whyNotRenewed(answer))}.` }
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
        <li>No mail is copied any more: what came to the old server since the last attempt stays there alone.</li>
        <li>The kept password is erased. Only a new sign-in could bring it back, where the provider allows that.</li>
        <li>Nothing is deleted, on neither server.</li>
      </ul>
      ${form(
        `${migrationPath(address)}/force`,
        csrf,
        html`${reasonField()}
          <div class="buttons"><button class="danger">Finish ${address} now</button><a href=${migrationPath(address)}>Leave it</a></div>`,
      )}
    </section>`
}
