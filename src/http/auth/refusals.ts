import type { RouteOptions } from 'fastify'
import { Type } from '../../model/json-schema.ts'

const Refusal = Type.Object({ error: Type.String() })

/** Describes what every route for Dovecot may answer besides: to a request that it cannot read, or without the token. */
export function describeRefusals(route: RouteOptions): void {
  const ofBodies = route.schema?.body === undefined ? [] : [400, 413, 415]
  const refusals = Object.fromEntries([403, ...ofBodies].map((status) => [status, Refusal]))
  route.schema = { ...route.schema, response: { ...refusals, ...(route.schema?.response as object) } }
}
