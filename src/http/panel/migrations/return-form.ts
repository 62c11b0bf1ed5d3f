import type { Migration } from '../../../model/migration.ts'
import { checkField, form, reasonField } from '../forms.ts'
import { type Content, html } from '../html.ts'
import { migrationPath } from '../parts.ts'

/** The way back to the old server, for who was flipped. */
export function returnForm(migration: Migration, csrf: string): Content {
  const { address, route, state, isFlipped, isFinishRequested, isReturnRequested } = migration
  if (isReturnRequested) return stopForm(migration, csrf)
  const isActive = state === 'pending' || state === 'synced'
  if (!isActive || route !== 'destination' || !isFlipped || isFinishRequested) return null
  return form(
    `${migrationPath(address)}/return`,
    csrf,
    html`<div class="action" id="return">
      <button class="danger">Lead back</button>
      <div>
        <p>The old server is made what the new one is, and the person works there again. Refused where anything has changed there since the flip.</p>
        ${checkField({ name: 'write_to_source', label: 'Write to the old server', checked: false })}
        ${reasonField('reason-return')}
      </div>
    </div>`,
  )
}

function stopForm({ address, route }: Migration, csrf: string): Content {
  if (route === 'held') return null
  return form(
    `${migrationPath(address)}/stop-return`,
    csrf,
    html`<div class="action" id="stop-return">
      <button>Stop the return</button>
      <div>
        <p>The person stays on the new server. What the return has written until then stays on the old one.</p>
        ${reasonField('reason-stop-return')}
      </div>
    </div>`,
  )
}
