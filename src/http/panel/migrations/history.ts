import type { Attempt } from '../../../model/attempt.ts'
import type { AuditEntry } from '../../../model/audit.ts'
import { count } from '../../../model/count.ts'
import type { CredentialFacts } from '../../../operations/ports.ts'
import { type Content, html, type Piece } from '../html.ts'
import { badge, facts, table, when } from '../parts.ts'

/** What was tried, the latest first. */
export function attemptSection(attempts: readonly Attempt[]): Piece {
  return html`<section class="card"><h2>Attempts</h2>
    ${table(
      'The last attempts',
      [
        { head: 'Started', cell: ({ startedAt }) => when(startedAt) },
        { head: 'Host', cell: ({ host }) => host },
        { head: 'Took', isNumber: true, cell: tookOf },
        { head: 'Outcome', cell: outcomeOf },
        { head: 'Folders', isNumber: true, cell: ({ folders }) => folders },
        { head: 'Messages', isNumber: true, cell: ({ messages }) => count(messages) },
        { head: 'Last lines', cell: linesOf },
      ],
      attempts,
      html`No attempts yet: <code>postferry sync</code> on the copying host makes them.`,
    )}
  </section>`
}

function tookOf({ startedAt, endedAt }: Attempt): Content {
  return endedAt === null ? '…' : `${((endedAt.getTime() - startedAt.getTime()) / 1000).toFixed(1)} s`
}

function outcomeOf({ outcome }: Attempt): Content {
  if (outcome === null) return badge('running', 'info')
  return badge(outcome, outcome === 'complete' ? 'good' : 'warn')
}

function linesOf({ output }: Attempt): Content {
  return output === '' ? '–' : html`<details><summary>Show</summary><pre>${output}</pre></details>`
}

/** What is known of the kept password without opening it. */
export function credentialSection(credential: CredentialFacts | null): Piece {
  const content =
    credential === null
      ? html`<p class="empty">No password is kept.</p>`
      : facts([
          ['Sealed', when(credential.sealedAt)],
          ['Sealed to', credential.sealedTo?.join(', ') ?? 'unknown'],
          [
            'Last opened',
            credential.openedAt === null ? 'never' : html`${when(credential.openedAt)} by ${credential.openedBy}`,
          ],
        ])
  return html`<section class="card"><h2>Kept password</h2>${content}</section>`
}

/** Who changed what. */
export function auditTable(entries: readonly AuditEntry[], empty: Content): Piece {
  return table(
    'Newest first',
    [
      { head: 'When', cell: ({ at }) => when(at) },
      { head: 'Who', cell: ({ actor }) => actor },
      { head: 'What', cell: ({ action }) => html`<code>${action}</code>` },
      { head: 'Of', cell: ({ subject }) => subject },
      { head: 'Detail', cell: ({ detail }) => detail ?? '–' },
      { head: 'Reason', cell: ({ reason }) => reason ?? '–' },
    ],
    entries,
    empty,
  )
}
