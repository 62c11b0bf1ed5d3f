import { count } from '../../model/count.ts'
import { type Migration, STATES, type State } from '../../model/migration.ts'
import type { Progress } from '../../model/progress.ts'
import { STATE_LOOKS } from '../../model/state-look.ts'
import { progressParts } from '../../operations/progress-words.ts'
import { type Content, html, type Piece } from './html.ts'

// What many pages are made of.

type Tone = 'good' | 'warn' | 'bad' | 'info' | 'plain'

export function badge(text: string, tone: Tone): Piece {
  return html`<span class="badge ${tone}">${text}</span>`
}

export function stateBadge({ state, code }: Pick<Migration, 'state' | 'code'>): Piece {
  return html`<span class="badge ${state}" data-sign=${STATE_LOOKS[state].sign}>${state}</span>${code !== null && html` <code>${code}</code>`}`
}

/** Everybody by state, each state a way to its people. @param current the one that is shown */
export function stateStrip(states: Readonly<Record<State, number>>, current?: string): Piece {
  return html`<ul class="states" aria-label="How far people are">
    ${STATES.map((state) => html`<li><a class=${state} data-sign=${STATE_LOOKS[state].sign} aria-current=${state === current ? 'page' : undefined} href=${withQuery('/admin/migrations', { state })}><b>${count(states[state])}</b> ${state}</a></li>`)}
  </ul>`
}

/**
 * A moment; pages with scripts show it in the reader's own zone: as date and time, as how long ago or ahead, as the time of
 * day, or as for how long something has gone on since.
 */
export function when(date: Date | null, form: 'moment' | 'relative' | 'time' | 'span' = 'moment'): Content {
  if (date === null) return '–'
  const iso = date.toISOString()
  return html`<time datetime=${iso} data-form=${form} title=${iso}>${form === 'span' && 'since '}${iso.slice(0, 16).replace('T', ' ')} UTC</time>`
}

/** How far an attempt is, in words, and where that is known as a bar. */
export function progressBar(progress: Progress): Piece {
  const { messages, ofMessages, step } = progress
  const bar =
    ofMessages !== null &&
    html`<progress max=${Math.max(1, ofMessages)} value=${messages} aria-label=${step === 'copying' ? 'Copied' : 'Proved'}></progress> `
  return html`${bar}${progressParts(progress).join(', ')}`
}

/** Names and values, one below the other. */
export function facts(entries: readonly (readonly [string, Content])[]): Piece {
  return html`<dl class="facts">
    ${entries.map(([name, value]) => html`<dt>${name}</dt><dd>${value === null || value === '' ? '–' : value}</dd>`)}
  </dl>`
}

export interface Column<T> {
  readonly head: Content
  /** Numbers stand to the right. */
  readonly isNumber?: boolean
  /** Long names, such as addresses, want room. */
  readonly isName?: boolean
  /** Left out where the screen is narrow. */
  readonly isExtra?: boolean
  /** The list is in its order. */
  readonly sorted?: 'ascending' | 'descending' | undefined
  cell(row: T): Content
}

export function number<T>(head: string, cell: Column<T>['cell']): Column<T> {
  return { head, isNumber: true, cell }
}

/** Rows below each other, or what to do when there is none. */
export function table<T>(caption: string, columns: readonly Column<T>[], rows: readonly T[], empty: Content): Piece {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`
  const kind = ({ isNumber, isName, isExtra }: Column<T>) =>
    [isNumber && 'number', isName && 'name', isExtra && 'extra'].filter(Boolean).join(' ') || undefined
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}>
    <table>
      <caption>${caption}</caption>
      <thead><tr>${columns.map((column) => html`<th scope="col" class=${kind(column)} aria-sort=${column.sorted}>${column.head}</th>`)}</tr></thead>
      <tbody>
        ${rows.map((row) => html`<tr>${columns.map((column) => html`<td class=${kind(column)}>${column.cell(row)}</td>`)}</tr>`)}
      </tbody>
    </table>
  </div>`
}

/** The path of the page about a person's migration. */
export function migrationPath(address: string): string {
  return `/admin/migrations/${encodeURIComponent(address)}`
}

export function providerPath(name: string): string {
  return `/admin/providers/${encodeURIComponent(name)}`
}

/** A sentence out of words that stand behind others elsewhere. */
export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** What a field is called above it. */
export function titleOf(field: string): string {
  return capitalised(field.replaceAll('_', ' '))
}

/** A path with what is given of a query. */
export function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
  )
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`
}

/** Cursors before and after what a page of a list shows; null: there are no more rows. */
interface Cursors {
  readonly before: string | null
  readonly after: string | null
}

/**
 * The ways from one page of a list to the others, or null when there is no other.
 * @param to the path of the page with this cursor in its query; without, of the first
 */
export function pager(
  label: string,
  [first, previous, next]: readonly [string, string, string],
  { before, after }: Cursors,
  to: (cursor: { before?: string; after?: string }) => string,
): Piece | null {
  if (after === null && before === null) return null
  return html`<nav class="pager" aria-label=${label}>
    <a class="button" href=${to({})}>${first}</a>
    ${before !== null && html`<a class="button" rel="prev" href=${to({ before })}>${previous}</a>`}
    ${after !== null && html`<a class="button" rel="next" href=${to({ after })}>${next}</a>`}
  </nav>`
}
