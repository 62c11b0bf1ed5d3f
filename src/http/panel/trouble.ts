import type { FastifyError, FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { Refused, sentenceOf } from '../../model/refused.ts'
import { isDatabaseAway, isNulInText } from '../../operations/database-errors.ts'
import { tryLater } from '../auth/overload.ts'
import { STATUS } from '../refused-status.ts'
import { html } from './html.ts'
import { isOwnForm, pageBefore } from './own-pages.ts'
import { capitalised, titleOf } from './parts.ts'
import { show } from './show.ts'
import { askAgain, unsentOf } from './unsent.ts'

interface Trouble {
  readonly status: number
  readonly title: string
  readonly advice: string
}

const BY_STATUS: Readonly<Record<number, Omit<Trouble, 'status'>>> = {
  400: { title: 'That was not understood', advice: 'Go back and fill in the form again.' },
  403: { title: 'Not allowed', advice: 'Your role does not allow this. An owner can give you another one.' },
  404: { title: 'There is no such page', advice: 'Look for it from the overview.' },
  413: { title: 'Too large', advice: 'On the server, postferry import takes files of any size.' },
  503: { title: 'The database is away', advice: 'Nothing was changed. Try again in a moment.' },
}
const OUR_FAULT = {
  title: 'Something went wrong',
  advice: 'The log of postferry serve says what. Try again in a moment.',
}

const TOO_OLD: Trouble = {
  status: 403,
  title: 'The form is too old',
  advice: 'Nothing was changed. Open the page again, and send the form from there.',
}

/** There is no such page, or not what it would show. */
export function notFound(): Refused {
  return new Refused('not-found', 'there is no such page')
}

/** Errors become pages, with nothing in them of what was sent and nothing of the inside. */
export function tellTrouble(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { status, title, advice } = troubleOf(error)
    if (status === 503) tryLater(reply)
    const page = pageBefore(request)
    // Its session has ended, and its person has signed in again elsewhere.
    const isLate = isTooOld(error) && request.administrator !== null && isOwnForm(request)
    const unsent = isLate ? unsentOf(request) : null
    if (unsent !== null) return askAgain(request, reply, unsent, page ?? '/admin')
    if (status >= 500) log.error({ cause: error.message, path: request.routeOptions.url }, 'panel')
    const content = html`<h1>${title}</h1><p class="card">${advice}</p>
      <p>${page !== null && html`<a href=${page}>Back</a> · `}<a href="/admin">To the overview</a></p>`
    return show(request, reply, { title, status }, content)
  })
}

/** What a person may know of an error; from 500 on the rest of it belongs into the log. */
export function troubleOf(error: Error & Partial<FastifyError>): Trouble {
  if (error instanceof Refused) return refusedTrouble(error)
  if (isTooOld(error)) return TOO_OLD
  return troubleBy(statusOf(error))
}

function refusedTrouble(error: Refused): Trouble {
  const { code, message } = error
  const status = STATUS[code]
  if (code === 'conflict') return { status, title: 'That cannot be done now', advice: message }
  if (code === 'unavailable')
    return { status, title: 'That did not come to its end', advice: `${capitalised(message)}.` }
  const trouble = troubleBy(status)
  return code === 'invalid' ? { ...trouble, advice: sentenceOf(error, titleOf) } : trouble
}

function isTooOld({ code }: Partial<FastifyError>): boolean {
  return code?.startsWith('FST_CSRF') ?? false
}

function statusOf(error: Error & Partial<FastifyError>): number {
  if (isDatabaseAway(error)) return 503
  return isNulInText(error) ? 400 : (error.statusCode ?? 500)
}

function troubleBy(status: number): Trouble {
  return { status, ...((BY_STATUS[status] ?? (status < 500 ? BY_STATUS[400] : OUR_FAULT)) as Omit<Trouble, 'status'>) }
}
