import type { FastifyInstance } from 'fastify'
import { redacted } from '../../settings.ts'
import type { PanelDeps } from './deps.ts'
import { html } from './html.ts'
import { table } from './parts.ts'
import { show } from './show.ts'

/** The settings in force, to look at. */
export async function settingsPage(app: FastifyInstance, deps: PanelDeps): Promise<void> {
  app.get('/admin/settings', async (request, reply) => {
    const rows = Object.entries(redacted(deps.settings))
    const list = table<(typeof rows)[number]>(
      'As postferry serve has read them at its start',
      [
        { head: 'Setting', cell: ([name]) => html`<code>${name}</code>` },
        { head: 'In force', cell: ([, value]) => String(value) },
      ],
      rows,
      '',
    )
    const content = html`<h1>Settings</h1>
      <section class="card">
        <p>They are changed in the environment (<code>/etc/postferry/postferry.env</code>), and hold after a restart. Secrets are not shown.</p>
        ${list}
      </section>`
    return show(request, reply, { title: 'Settings' }, content)
  })
}
