import { unescape as decoded } from 'node:querystring'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { Refused } from '../../model/refused.ts'
import { form, hidden, textField } from './forms.ts'
import { html } from './html.ts'
import { pathWithin } from './own-pages.ts'
import { facts, titleOf } from './parts.ts'
import { show } from './show.ts'

// A form that was sent after its session had ended, and of which nothing was done. It goes with whoever signs in, as
// the path and the query of a link; what is a secret is empty there.

const LENGTH = 64 * 1024

export const Unsent = Type.String({ maxLength: LENGTH })

interface Schema {
  readonly properties?: Readonly<Record<string, { readonly format?: string }>>
}

/** What was typed into a form, of the fields that its route knows; null: it is too long to be kept. */
export function unsentOf({ routeOptions, url, body }: FastifyRequest): string | null {
  const { properties = {} } = (routeOptions.schema?.body ?? {}) as Schema
  const typed = Object.entries((body ?? {}) as Record<string, string | string[]>)
    .filter(([name, value]) => name in properties && value.length > 0)
    .flatMap(([name, value]) => [value].flat().map((one) => [name, isSecret(name, properties) ? '' : one]))
  const unsent = `${url.split('?', 1)[0]}?${new URLSearchParams(typed)}`
  return unsent.length > LENGTH ? null : unsent
}

function isSecret(name: string, properties: NonNullable<Schema['properties']>): boolean {
  return properties[name]?.format === 'password'
}

/** Shows what was not done, to be sent after all. */
export function askAgain(request: FastifyRequest, reply: FastifyReply, unsent: string, back: string): FastifyReply {
  const { pathname = '', searchParams = new URLSearchParams() } = URL.parse(unsent, 'http://panel') ?? {}
  if (pathWithin(pathname) === null) throw new Refused('invalid', 'It was no form of the panel.')
  const fields = [...searchParams]
  const given = fields.filter(([, value]) => value !== '')
  const missing = fields.filter(([, value]) => value === '')
  const names = [...new Set(given.map(([name]) => name))]
  const content = html`<section class="card narrow">
    <h1>Not done yet</h1>
    ${facts([
      ['Of', decoded(pathname).split('/').slice(2).join(' › ')],
      ...names.map((name) => [titleOf(name), searchParams.getAll(name).join(', ')] as const),
    ])}
    ${form(
      pathname,
      reply.generateCsrf(),
      html`${given.map(([name, value]) => hidden({ [name]: value }))}
        ${missing.map(([name]) => textField({ name, label: titleOf(name), type: 'password', required: true }))}
        <div class="buttons"><button class="main">Send it now</button><a href=${back}>Cancel</a></div>`,
    )}
  </section>`
  return show(
    request,
    reply,
    { title: 'Not done yet', notice: { kind: 'warn', text: 'Your session had ended, and nothing was done. Go on?' } },
    content,
  )
}
