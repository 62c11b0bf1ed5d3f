import type { FastifyRequest } from 'fastify'
import { Refused } from '../../model/refused.ts'
import type { OperationDeps } from '../../operations/deps.ts'
import { type Fields, isFlag, type Operation, type Said } from '../../operations/operation.ts'
import type { PanelDeps } from './deps.ts'
import { callerOf } from './show.ts'

/** Carries an operation out as the query of a page says it. @throws Refused */
export function performQuery<F extends Fields, R>(
  request: FastifyRequest,
  deps: PanelDeps,
  operation: Operation<F, R, OperationDeps>,
): Promise<R> {
  return deps.perform(
    operation,
    saidInQuery(request.query as Record<string, unknown>, operation.fields),
    callerOf(request),
  )
}

const FLAGS: Readonly<Record<string, string>> = { yes: 'true', no: 'false' }

/** What a query says of these fields: what is empty there is not said. */
export function saidInQuery(query: Readonly<Record<string, unknown>>, fields: Fields): Said {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) => {
      const text = String(query[name] ?? '').trim()
      return text === '' ? [] : [[name, isFlag(field) ? (FLAGS[text] ?? text) : text]]
    }),
  )
}

/** Refuses an address that says what nobody asked for: a slip of the pen would show all rows. @throws Refused */
export async function refuseUnknown({ query, routeOptions }: FastifyRequest): Promise<void> {
  const { properties } = (routeOptions.schema?.querystring ?? {}) as { properties?: object }
  const unknown = Object.keys(query as object).find((name) => !(name in (properties ?? {})))
  if (unknown !== undefined) throw new Refused('invalid', `The list cannot be asked for “${unknown}”.`)
}
