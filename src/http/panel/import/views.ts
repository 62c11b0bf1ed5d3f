import { count, countOf } from '../../../model/count.ts'
import type { ImportOutcome } from '../../../operations/import-people.ts'
import { checkField, form, reasonField, textField } from '../forms.ts'
import { type Content, html, type Piece } from '../html.ts'
import { live } from '../live.ts'
import { noticeOf } from '../page.ts'
import { facts, number, table } from '../parts.ts'
import { troubleOf } from '../trouble.ts'
import type { Upload } from './uploads.ts'

const PATH = '/admin/import'

export function uploadForm(csrf: string, limit: number): Piece {
  return html`<h1>Import</h1>
    <section class="card">
      <p>Imports users from a CSV file. A user without a password in it is awaited until the first sign-in. Nothing is written before you confirm.</p>
      <pre>address,old_username,old_password
anna@old.example,,
bert@old.example,bert77,his old password</pre>
      <p class="faint">All columns but the first are optional. The file is kept in memory for 15 minutes at most; delete your copy afterwards.</p>
      ${form(
        PATH,
        csrf,
        html`${textField({ name: 'file', label: 'CSV file', type: 'file', required: true, hint: `At most ${limit / 1024 / 1024} MB; larger ones on the server: postferry import people.csv` })}
          ${checkField({ name: 'verify', label: 'Check every password with the old server', checked: false, hint: 'A line whose password it refuses is bad. This takes longer.' })}
          <div class="buttons"><button class="main">Read the file</button></div>`,
        { enctype: 'multipart/form-data' },
      )}
    </section>`
}

export function uploadPage(upload: Upload, csrf: string): Piece {
  const { id, preview, isImporting, result, trouble } = upload
  if (trouble !== null) {
    const { title, advice } = troubleOf(trouble)
    return html`<h1>Import</h1>${noticeOf({ kind: 'bad', text: `${title}: ${advice}` })}${again()}`
  }
  if (result !== null) return html`<h1>Import</h1>${resultOf(result)}${again()}`
  if (preview === null || isImporting) {
    return html`<h1>Import</h1><section class="card">${live(`${PATH}/${id}/progress`, 1, progressOf(upload))}</section>`
  }
  return html`<h1>What the file would do</h1>${previewOf(upload, preview, csrf)}`
}

/** How far it is; at the end, the way to the result. */
export function progressOf({ id, lines, allLines, preview, isImporting, result, trouble }: Upload): Piece {
  const isDone = trouble !== null || (isImporting ? result !== null : preview !== null)
  const doing = isImporting ? 'Importing' : 'Reading the file'
  if (!isDone)
    return html`<div><p>${doing}: ${count(lines)} of about ${countOf(allLines, 'line', 'lines')}.</p><progress max=${allLines} value=${lines} aria-label=${doing}></progress></div>`
  return html`<div><p>Done.</p><p hx-get="${PATH}/${id}" hx-trigger="load" hx-target="body" hx-select="body"><a href="${PATH}/${id}">See the result</a></p></div>`
}

function previewOf({ id, bad }: Upload, preview: ImportOutcome, csrf: string): Content {
  const { awaited, pending } = preview
  const good = awaited + pending
  return html`<section class="card">${numbersOf(preview)}</section>
    <section class="card">
      <h2>${good === 0 ? 'There is nothing to import' : `Import ${count(good)} people`}</h2>
      ${good > 0 && confirmation(id, preview.bad, csrf)}
      ${again()}
    </section>
    ${preview.bad > 0 && html`<section class="card"><h2>Bad lines</h2>${badTable(bad, preview.bad)}</section>`}`
}

function confirmation(id: string, bad: number, csrf: string): Piece {
  const skip = checkField({
    name: 'skip_bad',
    label: `Leave the ${count(bad)} bad lines out`,
    checked: false,
    hint: 'Otherwise nothing is imported while a line is bad.',
  })
  return form(
    `${PATH}/${id}/confirm`,
    csrf,
    html`${bad > 0 && skip}${reasonField()}<div class="buttons"><button class="main">Import</button></div>`,
  )
}

function resultOf(result: ImportOutcome): Content {
  const text = result.written ? 'The users are imported.' : 'Nothing was imported: some lines are bad.'
  return html`${noticeOf({ kind: result.written ? 'good' : 'bad', text })}<section class="card">${numbersOf(result)}</section>`
}

function numbersOf({ lines, awaited, pending, kept, bad }: ImportOutcome): Piece {
  return facts([
    ['Lines', count(lines)],
    ['Awaited', `${count(awaited)} people: no password yet`],
    ['Copied at once', `${count(pending)} people: with their password`],
    ['Unchanged', count(kept)],
    ['Bad lines', count(bad)],
  ])
}

const LINES_NAMED = 20

function linesText(lines: Upload['bad']): string {
  const named = lines.slice(0, LINES_NAMED).map(({ number: line }) => line)
  return `${named.join(', ')}${lines.length > LINES_NAMED ? ', …' : ''}`
}

function badTable(bad: Upload['bad'], all: number): Piece {
  const reasons = [...Map.groupBy(bad, ({ reason }) => reason)].map(([reason, lines]) => ({ reason, lines }))
  return table(
    `${countOf(bad.length, 'line', 'lines')} of ${all}, the most frequent first`,
    [
      number<(typeof reasons)[number]>('Lines', ({ lines }) => count(lines.length)),
      { head: 'Why', cell: ({ reason }) => reason },
      { head: 'Which', cell: ({ lines }) => linesText(lines) },
    ],
    reasons.toSorted((one, other) => other.lines.length - one.lines.length),
    '',
  )
}

function again(): Piece {
  return html`<p><a href=${PATH}>Another file</a> · <a href="/admin/migrations?state=awaited">Who is awaited</a></p>`
}
