import { type Attempt, PASSING } from '../../../model/attempt.ts'
import { count } from '../../../model/count.ts'
import { isReady, type Migration } from '../../../model/migration.ts'
import type { MigrationStatus } from '../../../operations/migrations.ts'
import { endingText, nextStep } from '../../../operations/next-steps.ts'
import { type Content, html, type Piece } from '../html.ts'
import { badge, capitalised, progressBar, stateBadge, when } from '../parts.ts'

/** How it goes at this moment, what the last attempt came to, and when the next is made. */
export function statusPiece({ migration, lastAttempt, attemptBefore, plan }: MigrationStatus): Piece {
  const isRunning = lastAttempt !== null && lastAttempt.endedAt === null
  const next = nextStep(migration.code)
  return html`<section class="card">
    <h2>State</h2>
    <p><span aria-live="polite">${stateBadge(migration)}</span> ${migration.isFinishRequested && badge('finish requested', 'info')} changed ${when(migration.changedAt, 'relative')}</p>
    ${migration.route !== 'destination' && mirrorOf(migration, plan)}
    ${isRunning ? html`${copying(lastAttempt)}${lastEnding(attemptBefore)}` : lastEnding(lastAttempt)}
    ${!isRunning && nextAttempt(plan)}
    ${next && html`<p class="notice warn">${capitalised(next)}.</p>`}
  </section>`
}

/** What a person is told who works on the old server still. */
function mirrorOf({ route, state, code, isFlipRequested }: Migration, plan: MigrationStatus['plan']): Content {
  if (state === 'awaited' || state === 'done') return null
  if (route === 'held') return html`<p>${badge('held', 'warn')} Sign-ins and mail wait for the flip, for seconds.</p>`
  const isProved = isReady({ route, state, code })
  const mirroredAt = plan?.completedAt ?? null
  const mirror = mirroredAt === null ? 'no whole mirror yet' : html`mirror of ${when(mirroredAt, 'relative')}`
  const flip = isFlipRequested && html` ${badge('flip requested', 'info')}`
  return html`<p>Works on the old server. ${isProved ? badge('ready', 'good') : badge('not ready', 'plain')} ${mirror}${flip}</p>`
}

function copying({ host, startedAt, messages, progress }: Attempt): Piece {
  const where = html`on ${host}, ${when(startedAt, 'span')}`
  if (progress !== null) {
    return html`<p>${badge(progress.step, 'info')} ${progressBar(progress)}, ${where}</p>`
  }
  const seconds = Math.max(1, (Date.now() - startedAt.getTime()) / 1000)
  const rate = `${count(Math.round(messages / seconds))}/s`
  return html`<p>${badge('copying', 'info')} ${count(messages)} messages so far, ${rate}, ${where}</p>`
}

function lastEnding(attempt: Attempt | null): Content {
  if (attempt === null || attempt.outcome === null || attempt.endedAt === null) return null
  const { outcome, endedAt, messages } = attempt
  if (outcome === 'complete') {
    return html`<p>Last attempt: ${badge('complete', 'good')} ${when(endedAt, 'relative')}, ${count(messages)} messages copied</p>`
  }
  const text = endingText(outcome)
  return html`<p>Last attempt: ${badge(outcome, PASSING.includes(outcome) ? 'plain' : 'bad')} ${when(endedAt, 'relative')}${text && html`: ${text}`}</p>`
}

function nextAttempt(plan: MigrationStatus['plan']): Content {
  if (plan?.dueAt == null) return null
  const { dueAt, failures } = plan
  const failed =
    failures === 0 ? '' : `, after ${failures === 1 ? 'a failure' : `${count(failures)} failures in a row`}`
  if (dueAt.getTime() <= Date.now()) return html`<p>Next attempt: as soon as a worker is free${failed}</p>`
  return html`<p>Next attempt: ${when(dueAt, 'relative')}${failed}</p>`
}
