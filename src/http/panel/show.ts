import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Caller, type Field, type Fields, isFlag, type Said } from '../../operations/operation.ts'
import type { Content } from './html.ts'
import { type Frame, type Notice, pageOf } from './page.ts'
import { administrator } from './session.ts'

const HTML = 'text/html; charset=utf-8'

interface Shown {
  readonly title: string
  readonly status?: number
  readonly refreshSeconds?: number
  /** Instead of what the last action has left. */
  readonly notice?: Notice
}

/** Answers with a page. */
export function show(request: FastifyRequest, reply: FastifyReply, shown: Shown, content: Content): FastifyReply {
  return reply
    .code(shown.status ?? 200)
    .type(HTML)
    .send(pageOf(frameOf(request, reply, shown), content))
}

/** What surrounds the content of a page for whoever asks. */
export function frameOf(request: FastifyRequest, reply: FastifyReply, { title, notice, refreshSeconds }: Shown): Frame {
  return {
    title,
    administrator: request.administrator,
    path: request.url.split('?', 1)[0] ?? '',
    csrf: reply.generateCsrf(),
    alarm: request.alarm,
    notice: notice ?? takeNotice(request),
    ...(refreshSeconds !== undefined && { refreshSeconds }),
  }
}

/** Goes on to another page, which tells what was done. */
export function goOn(request: FastifyRequest, reply: FastifyReply, path: string, notice: Notice): FastifyReply {
  request.session.set('notice', notice)
  return reply.redirect(path, 303)
}

/** Who asks for an operation by a form or a page. */
export function callerOf(request: FastifyRequest): Caller {
  const { name, role } = administrator(request)
  return { actor: `panel:${name}`, role }
}

/** A form as operations read it: what was left empty is not said, or brings the default back, and lines are many. */
export function saidIn(body: Readonly<Record<string, string | undefined>>, fields: Fields): Said {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, saidOf(body[name], field)]))
}

function saidOf(typed: string | undefined, field: Field<unknown>): Said[string] {
  if (isFlag(field)) return String(typed === 'yes')
  if (typed === undefined) return undefined
  if (field.isMany) return typed.split(/\r?\n/).filter((line) => line !== '')
  const text = field.isSecret ? typed : typed.trim()
  return text === '' && !field.isRequired && !field.isClearable ? undefined : text
}

function takeNotice({ session }: FastifyRequest): Notice | undefined {
  const notice = session.get('notice')
  if (notice !== undefined) session.set('notice', undefined)
  return notice
}
