import { count, people } from '../../../model/count.ts'
import type { Need } from '../../../operations/board-needs.ts'
import type { Remedy } from '../../../operations/next-steps.ts'
import { form, hidden } from '../forms.ts'
import { type Content, html } from '../html.ts'
import { migrationPath, providerPath, withQuery } from '../parts.ts'

/** What a remedy is called where one clicks it. */
export const REMEDY_TITLES: Readonly<Record<Remedy, string>> = {
  'set-password': 'Set the password',
  retry: 'Try now',
  'set-quota': 'Set the quota',
  'leave-filters': 'Leave the filters',
  'look-at-ledger': 'See what differs',
  'look-at-provider': 'Look at the old server',
}

/** Where on the page of a person each remedy is. */
const REMEDY_PLACES: Readonly<Record<Remedy, string>> = {
  'set-password': '#set-password',
  retry: '#retry',
  'set-quota': '#set-quota',
  'leave-filters': '#leave-filters',
  'look-at-ledger': '#ledger',
  'look-at-provider': '',
}

/** The one click that comes next: at the person's, where it is one; else at the list of those whom it is about. */
export function needClick({ code, remedy, provider, address, people: number }: Need, csrf: string | null): Content {
  if (remedy === null)
    return code === 'collision' ? '–' : html`<a href="/admin/migrations?state=pending">See who waits</a>`
  if (remedy === 'look-at-provider' && provider !== null) {
    return html`<a class="button" href=${providerPath(provider)}>${REMEDY_TITLES[remedy]}</a>`
  }
  if (address !== null) {
    return html`<a class="button" href="${migrationPath(address)}${REMEDY_PLACES[remedy]}">${REMEDY_TITLES[remedy]}</a>`
  }
  const list = withQuery('/admin/migrations', { code })
  if (remedy !== 'retry' || csrf === null) return html`<a class="button" href=${list}>See the ${people(number)}</a>`
  return form(
    '/admin/migrations/bulk',
    csrf,
    html`${hidden({ action: 'retry', whom: 'all', code })}<button>Try all ${count(number)} now…</button> <a href=${list}>See them</a>`,
    { class: 'inline' },
  )
}
