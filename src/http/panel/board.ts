import { count, countOf, people } from '../../model/count.ts'
import type { Board, BoardSource } from '../../operations/board.ts'
import type { FlipsLook, Retrying, Running } from '../../operations/board-look.ts'
import type { Need } from '../../operations/board-needs.ts'
import { verdictText } from '../../operations/board-verdict.ts'
import { megabytes } from '../../operations/progress-words.ts'
import { form, hidden } from './forms.ts'
import { type Content, html, type Piece } from './html.ts'
import { needClick } from './migrations/remedies.ts'
import {
  badge,
  type Column,
  migrationPath,
  number,
  progressBar,
  providerPath,
  stateStrip,
  table,
  when,
  withQuery,
} from './parts.ts'

const RUNNING_SHOWN = 12

/** The answer to what an administrator asks on the day. @param csrf null: whoever looks may change nothing */
export function boardPiece(board: Board, csrf: string | null): Piece {
  if (board.verdict.going === 'empty') return nobodyYet()
  const { verdict, needs, sources, retrying, running } = board
  return html`<div class="board">
    <p class="verdict ${verdict.going}" aria-live="polite">${verdictText(verdict)}.</p>
    ${tiles(board)}
    ${stateStrip(board.people.states)}
    <section class="card"><h2>Old servers</h2>${sourceTable(sources)}</section>
    <section class="card"><h2>Needs you</h2>${needTable(needs, csrf)}</section>
    ${sources.some(({ flips }) => flips !== null) && html`<section class="card"><h2>Flips</h2>${flipTable(sources, csrf)}</section>`}
    ${retrying.length > 0 && html`<section class="card"><h2>Tried again by itself</h2>${retryTable(retrying)}</section>`}
    <section class="card"><h2>Copying now</h2>${runningTable(running)}${workersLine(board)}</section>
    <p class="faint">As of ${when(board.at, 'time')}.</p>
  </div>`
}

function nobodyYet(): Piece {
  return html`<section class="card">
      <h2>No migrations yet</h2>
      <ol>
        <li><a href="/admin/new-provider">Add the old server</a>, and test the connection to it.</li>
        <li>Add the domains that it serves, on the same page.</li>
        <li>Migrations appear at the first sign-in to the new server, or <a href="/admin/import">import users</a> from a CSV file.</li>
      </ol>
    </section>`
}

function tiles(board: Board): Piece {
  const { across, unflipped, all, acrossLastHour, copying, waiting, neverCame, cameLastHour } = board.people
  return html`<dl class="tiles">
    ${tile(
      'Across',
      html`${count(across)} <small>of ${people(all)}</small>`,
      html`<progress max=${all} value=${across} aria-label="People across"></progress> ${count(acrossLastHour)} in the last hour${unflipped > 0 && `, ${count(unflipped)} not flipped yet`}`,
    )}
    ${tile('Copying ends', endOf(board), leftOf(board))}
    ${tile(
      'Copying now',
      people(copying),
      html`${count(Math.round(board.messagesPerSecond))} messages/s${bytesRate(board)}, ${count(waiting)} waiting`,
    )}
    ${tile(
      'Not signed in yet',
      html`<a href="/admin/migrations?never_came=yes">${count(neverCame)}</a>`,
      html`${count(cameLastHour)} came in the last hour`,
    )}
  </dl>`
}

function bytesRate({ bytesPerSecond }: { readonly bytesPerSecond: number }): string {
  return bytesPerSecond > 0 ? `, ${megabytes(bytesPerSecond)}/s` : ''
}

function tile(title: string, value: Content, more: Content): Piece {
  return html`<div><dt>${title}</dt><dd><b>${value}</b><span class="faint">${more}</span></dd></div>`
}

function endOf({ end, people: { waiting, copying } }: Board): Content {
  if (end !== null) return html`${when(end.earliest, 'time')} – ${when(end.latest, 'time')}`
  return waiting + copying === 0 ? 'nobody waits' : 'not known yet'
}

function leftOf({ end, endWithout, messagesLeft, people: { waiting } }: Board): Content {
  const without = endWithout.length > 0 && html`<b class="aside">without ${endWithout.join(', ')}</b>`
  if (end !== null) return html`${without}about ${countOf(messagesLeft, 'message', 'messages')} to go`
  return waiting === 0 ? 'of those who are here' : 'nothing was copied lately'
}

function needTable(needs: readonly Need[], csrf: string | null): Piece {
  return table(
    'What stops people until somebody acts',
    [
      number<Need>('People', (need) => count(need.people)),
      { head: 'What stops them', isName: true, cell: whatOf },
      { head: 'How long', cell: ({ since }) => when(since, 'span') },
      { head: 'Next', cell: (need: Need) => needClick(need, csrf) },
    ],
    needs,
    html`Nobody: nothing waits for you.`,
  )
}

function whatOf({ code, what, step }: Need): Content {
  return html`${what} <span class="faint"><code>${code}</code></span><details><summary>What to do</summary>${step}</details>`
}

interface Flipping extends FlipsLook {
  readonly provider: string
}

function flipTable(sources: readonly BoardSource[], csrf: string | null): Piece {
  const rows = sources.flatMap(({ provider, flips }): Flipping[] => (flips === null ? [] : [{ provider, ...flips }]))
  return table<Flipping>(
    'Who works on the old server, until a flip',
    [
      { head: 'Old server', cell: ({ provider }) => html`<a href=${providerPath(provider)}>${provider}</a>` },
      number('Mirrored', ({ mirrored, atSource }) => html`${count(mirrored)} of ${count(atSource)}`),
      number('Ready', ({ ready }) => count(ready)),
      number('Held', ({ held }) => count(held)),
      number('Flipped', ({ flipped }) => count(flipped)),
      number('Flips/min', ({ flippedLastTenMinutes }) => (flippedLastTenMinutes / 10).toFixed(1)),
      { head: 'Wave', isName: true, cell: waveOf },
      ...(csrf === null ? [] : [{ head: 'Next', cell: (row: Flipping) => waveClick(row, csrf) }]),
    ],
    rows,
    'Nobody.',
  )
}

function waveOf({ provider, isAuto, requested, flippedLastTenMinutes }: Flipping): Content {
  const list = withQuery('/admin/migrations', { provider, flip_requested: 'yes' })
  const waiting = html`<a href=${list}>${people(requested)}</a> to be flipped`
  const left =
    requested > 0 && flippedLastTenMinutes > 0 && `, about ${Math.ceil((10 * requested) / flippedLastTenMinutes)} min`
  return html`${requested > 0 ? waiting : isAuto ? 'who is ready, by itself' : 'none'}${left}`
}

/** What is under way is stopped with one click; what is not begins on the page that tells first what it would do. */
function waveClick({ provider, isAuto, requested, ready }: Flipping, csrf: string): Content {
  if (isAuto || requested > 0)
    return form(`${providerPath(provider)}/stop-flips`, csrf, html`<button class="danger">Stop</button>`, {
      class: 'inline',
    })
  if (ready === 0) return '–'
  const whom = { action: 'flip', whom: 'all', provider, route: 'source', state: 'synced' }
  return form('/admin/migrations/bulk', csrf, html`${hidden(whom)}<button>Flip ${count(ready)}…</button>`, {
    class: 'inline',
  })
}

const TONES = { well: 'good', away: 'bad', closed: 'warn', asking: 'plain' } as const
const HEALTH_WORDS = { well: 'well', away: 'away', closed: 'outside of its window', asking: 'being asked' } as const

function sourceTable(sources: readonly BoardSource[]): Piece {
  return table(
    'Each old server, and who waits for it',
    [
      { head: 'Old server', cell: ({ provider }) => html`<a href=${providerPath(provider)}>${provider}</a>` },
      { head: 'Health', isName: true, cell: healthOf },
      { head: 'Connections', cell: connectionsOf },
      { head: 'Errors in 10 min', cell: errorsOf },
      number('Waiting', ({ waiting }) => count(waiting)),
      number<BoardSource>(
        'Messages/s',
        (source) => `${count(Math.round(source.messagesPerSecond))}${bytesRate(source)}`,
      ),
    ],
    sources,
    html`None yet: <a href="/admin/new-provider">add the old server</a>.`,
  )
}

function healthOf({ health, why, since, neverCame, daysLeft }: BoardSource): Content {
  const cannotCome = health === 'away' && neverCame > 0 && `, ${people(neverCame)} cannot come`
  const ends = daysLeft !== null && daysLeft < 14 && `, certificate: ${countOf(daysLeft, 'day', 'days')} left`
  return html`${badge(HEALTH_WORDS[health], TONES[health])} ${why !== null && html`<code>${why}</code>`}
    ${since !== null && html` since ${when(since, 'time')}`}${cannotCome}${ends}`
}

function connectionsOf({ connections: { allowed, signIn, copying } }: BoardSource): Content {
  return html`${signIn + copying} of ${allowed} <span class="faint">(${signIn} signing in, ${copying} copying)</span>`
}

function errorsOf({ errors }: BoardSource): Content {
  if (errors.length === 0) return '0'
  return errors.map(
    ({ code, count: number }) => html`<span class="line">${count(number)} × <code>${code}</code></span> `,
  )
}

const WHO = {
  head: 'Who',
  isName: true,
  cell: ({ address }: Running) => html`<a href=${migrationPath(address)}>${address}</a>`,
}

function runningTable(running: readonly Running[]): Piece {
  const columns: Column<Running>[] = [
    WHO,
    { head: 'Old server', cell: ({ provider }) => provider },
    { head: 'How far', isName: true, cell: progressOf },
    { head: 'How long', cell: ({ startedAt }) => when(startedAt, 'span') },
  ]
  const more = running.length - RUNNING_SHOWN
  return html`<div>${table('The longest first', columns, running.slice(0, RUNNING_SHOWN), 'Nobody is copied at this moment.')}
    ${more > 0 && html`<p class="faint">And ${people(more)} more.</p>`}</div>`
}

function progressOf({ messages, progress }: Running): Content {
  return progress === null ? countOf(messages, 'message', 'messages') : progressBar(progress)
}

function workersLine({ workers }: Board): Piece {
  const hosts = workers.map(({ host, workers: number }) => `${number} × sync on ${host}`).join(', ')
  return html`<p class="faint">${hosts === '' ? 'No postferry sync runs.' : `${hosts}.`}</p>`
}

function retryTable(retrying: readonly Retrying[]): Piece {
  return table(
    'Whose last attempt failed, and who needs nobody for that',
    [
      number<Retrying>('People', (row) => count(row.people)),
      { head: 'Why', cell: ({ code }) => html`<code>${code}</code>` },
      { head: 'Old server', cell: ({ provider }) => provider },
      { head: 'Next attempt', cell: ({ nextAt }) => when(nextAt, 'relative') },
    ],
    retrying,
    'Nobody.',
  )
}
