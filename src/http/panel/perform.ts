import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { TObject } from 'typebox'
import { isRefused, sentenceOf } from '../../model/refused.ts'
import type { OperationDeps } from '../../operations/deps.ts'
import { type Described, type Fields, fieldsOf, type Operation } from '../../operations/operation.ts'
import { bodyOf } from './bodies.ts'
import type { PanelDeps } from './deps.ts'
import type { Notice } from './page.ts'
import { capitalised } from './parts.ts'
import { callerOf, goOn, saidIn } from './show.ts'

/** Carries an operation out as the form of a route says it, for whoever has signed in. @throws Refused */
export function perform<F extends Fields, R>(
  request: FastifyRequest,
  deps: PanelDeps,
  operation: Operation<F, R, OperationDeps>,
): Promise<R> {
  const form = { ...(request.body as object), ...(request.params as object) }
  return deps.perform(operation, saidIn(form, fieldsIn(request, operation)), callerOf(request))
}

interface Form<R> {
  /** The form's; `:name` is a field of the operation. */
  readonly path: string
  /** The fields that the form has besides those in its path; default: all. */
  readonly fields?: readonly string[]
  /** The page that tells what was done, or what is wrong with the form. */
  next(params: Readonly<Record<string, string>>): string
  done(result: R): Notice | string
}

/** Makes an operation what a form does. */
export function serveForm<F extends Fields, R>(
  app: FastifyInstance,
  deps: PanelDeps,
  operation: Operation<F, R, OperationDeps>,
  { path, fields, next, done }: Form<R>,
): void {
  const { permission } = operation
  app.post(path, { config: { permission }, schema: { body: bodyOf(operation, fields) } }, async (request, reply) => {
    const goTo = next(request.params as Record<string, string>)
    try {
      const notice = done(await perform(request, deps, operation))
      return goOn(request, reply, goTo, typeof notice === 'string' ? { kind: 'good', text: notice } : notice)
    } catch (error) {
      return goOn(request, reply, goTo, refusal(error))
    }
  })
}

/** What is wrong with the form, or what the old server says to it. */
function refusal(error: unknown): Notice {
  if (isRefused(error, 'invalid')) return { kind: 'bad', text: `Nothing is changed. ${sentenceOf(error)}` }
  if (isRefused(error, 'rejected')) return { kind: 'bad', text: `${capitalised(error.message)}.` }
  if (isRefused(error, 'unavailable')) return { kind: 'warn', text: `${capitalised(error.message)}.` }
  throw error
}

/** What is wrong with each field of a form; any other error is thrown again. */
export function flawsIn(error: unknown): Readonly<Record<string, string>> {
  if (isRefused(error, 'invalid') && error.fields !== null) return error.fields
  throw error
}

/** Those that the form has: a box that is not there is not one that nobody ticked. */
function fieldsIn({ routeOptions: { schema }, params }: FastifyRequest, operation: Described): Fields {
  const { properties = {} } = (schema?.body ?? {}) as Partial<TObject>
  const fields = Object.entries(fieldsOf(operation))
  return Object.fromEntries(fields.filter(([name]) => name in properties || name in (params as object)))
}
