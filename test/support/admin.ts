import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describedBy } from './described.ts'
import { type Answer, ask, type RunningService } from './service.ts'

type Body = string | Buffer | object

/**
 * Asks the administrators' API of a running service, on the socket; bodies are JSON unless they are text. An answer
 * that is not as it is described is an error.
 */
export interface AdminApi {
  readonly token: string
  get(path: string): Promise<Answer>
  post(path: string, body?: Body): Promise<Answer>
  patch(path: string, body: Body): Promise<Answer>
  delete(path: string): Promise<Answer>
}

export function adminApi({ socket, dataDir }: RunningService): AdminApi {
  const token = readFileSync(join(dataDir, 'admin-token'), 'utf8').trim()
  let described: ReturnType<typeof describedBy> | undefined
  const asking =
    (method: string) =>
    async (path: string, body?: Body): Promise<Answer> => {
      const isText = typeof body === 'string' || Buffer.isBuffer(body)
      const type = isText ? 'text/csv' : 'application/json'
      const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': type }) }
      const bytes = isText || body === undefined ? body : JSON.stringify(body)
      const place = `/v1/admin${path}`
      const answer = await ask(socket, place, method, bytes as string | Buffer | undefined, headers)
      described ??= describedBy(socket)
      const check = await described
      check(method, place, answer)
      return answer
    }
  return { token, get: asking('GET'), post: asking('POST'), patch: asking('PATCH'), delete: asking('DELETE') }
}
