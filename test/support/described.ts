import { Compile } from 'typebox/schema'
import { type Answer, get } from './service.ts'

type Schema = Record<string, unknown>
interface Document {
  readonly paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: Schema }> }> }>
  >
  readonly components: { readonly schemas: Record<string, Schema> }
}

/** Compares answers with what `/openapi.json` says of them, to the last field. */
export async function describedBy(socket: string) {
  const { paths, components }: Document = closed((await get(socket, '/openapi.json')).body)
  return (method: string, path: string, { status, body }: Answer): void => {
    const [place = ''] = path.split('?')
    const template = Object.keys(paths).find((one) => new RegExp(`^${one.replace(/{\\w+}/g, '[^/]+')}$`).test(place))
    const operation = template === undefined ? undefined : paths[template]?.[method.toLowerCase()]
    // Nothing is said of what is not there.
    if (operation === undefined) return
    const schema = operation.responses[status]?.content?.['application/json']?.schema
    if (schema === undefined) throw new Error(`${method} ${path}: an answer of ${status} is not described`)
    const [fits, errors] = Compile({ components, allOf: [schema] }).Errors(body)
    if (!fits) throw new Error(`${method} ${path}: ${JSON.stringify(errors)} in ${JSON.stringify(body)}`)
  }
}

/** The same, with objects that have no other fields than those that are described. */
function closed<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(closed) as T
  const copy = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, closed(part)]))
  const isOpen = 'properties' in copy && 'type' in copy && !('additionalProperties' in copy)
  return (isOpen ? { ...copy, additionalProperties: false } : copy) as T
}
