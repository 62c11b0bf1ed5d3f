import type { FastifyInstance, HTTPMethods } from 'fastify'
import { type JsonSchema, Type } from '../../model/json-schema.ts'
import type { Deps, OperationDeps } from '../../operations/deps.ts'
import { type Field, type Fields, fieldsOf, type Operation, type Said } from '../../operations/operation.ts'
import { exactly } from '../../operations/schema.ts'

/** Whoever has the admin token. */
export const API = { actor: 'api', role: 'owner' } as const

/** `:name` is a field of the operation. */
type Route = `${'GET' | 'POST' | 'PATCH' | 'DELETE'} /${string}`

interface Reply<R> {
  /** Default: 200. */
  readonly status?: number
  /** Of a result that is not all that was asked for: the rest comes later. */
  readonly isAccepted?: (result: R) => boolean
}

/** Makes an operation a route: fields that the path does not name are in the body, or (without one) in the query. */
export function serve<F extends Fields, R>(
  app: FastifyInstance,
  deps: Deps,
  route: Route,
  operation: Operation<F, R, OperationDeps>,
  { status = 200, isAccepted }: Reply<R> = {},
): void {
  const [method, path = ''] = route.split(' ')
  const { schema } = operation.answer
  const fields = Object.entries(fieldsOf(operation))
  const inPath = fields.filter(([name]) => path.split('/').includes(`:${name}`))
  const others = exactly(propertiesOf(fields.filter((field) => !inPath.includes(field))))
  app.route({
    method: method as HTTPMethods,
    url: path,
    schema: {
      summary: operation.summary,
      ...(inPath.length > 0 && { params: Type.Object(propertiesOf(inPath)) }),
      ...(method === 'POST' || method === 'PATCH' ? { body: others } : { querystring: others }),
      response: { [status]: schema, ...(isAccepted && { 202: schema }) },
    },
    async handler({ params, query, body }, reply) {
      const result = await deps.perform(operation, saidIn({ ...obj(query), ...obj(body), ...obj(params) }), API)
      return reply.code(isAccepted?.(result) ? 202 : status).send(await operation.answer.row(result))
    },
  })
}

export function propertiesOf(fields: readonly (readonly [string, Field<unknown>])[]): Record<string, JsonSchema> {
  return Object.fromEntries(
    fields.map(([name, { schema, about, fallback, isRequired, isClearable }]) => {
      const byDefault = fallback === undefined ? '' : `; default: ${fallback}${isClearable ? ' (again with null)' : ''}`
      const { type } = schema as { type?: string }
      const property = { ...schema, description: about + byDefault, ...(isClearable && { type: [type, 'null'] }) }
      return [name, isRequired ? property : Type.Optional(property)]
    }),
  )
}

function obj(part: unknown): Record<string, unknown> {
  return (part ?? {}) as Record<string, unknown>
}

/** JSON as the texts that operations read; null is ''. */
export function saidIn(json: Readonly<Record<string, unknown>>): Said {
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [name, Array.isArray(value) ? value.map(textOf) : textOf(value)]),
  )
}

function textOf(value: unknown): string {
  return value === null ? '' : String(value)
}
