import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'
import { Type } from 'typebox'

// What postferry is compared with over HTTP, as a process of its own: `bare-fastify`, `node-http` or `refusing`, and a
// port or the path of a socket.
const [kind, place = ''] = process.argv.slice(2)
const listening = place.startsWith('/') ? { path: place } : { host: '127.0.0.1', port: Number(place) }

const Question = Type.Object({
  username: Type.String(),
  password: Type.String(),
  service: Type.Optional(Type.Unknown()),
  real_rip: Type.Optional(Type.Unknown()),
  session: Type.Optional(Type.Unknown()),
  secured: Type.Optional(Type.Unknown()),
})
const Answer = Type.Object({
  success: Type.Boolean(),
  verdict: Type.String(),
  user: Type.String(),
  fields: Type.Record(Type.String(), Type.String()),
})

function yesTo(username: string) {
  return { success: true, verdict: 'ok', user: username, fields: { userdb_home: `/var/vmail/old.example/${username}` } }
}

/** A route with passdb's schemas and nothing behind it. */
async function bareFastify(): Promise<Server> {
  const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()
  app.post('/v1/passdb', { schema: { body: Question, response: { 200: Answer } } }, async (request) =>
    yesTo(request.body.username),
  )
  await app.ready()
  return app.server
}

/** As long as postferry: a connection is not to close while the other side is measured. */
const KEEP_ALIVE_MS = 72_000

/** The least that Node can answer. */
function nodeHttp(): Server {
  return createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      const answer = JSON.stringify(yesTo(JSON.parse(body).username))
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) })
      response.end(answer)
    })
  })
}

/** A service that says no at once, so that only the asking takes time. */
function refusing(): Server {
  return createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(401, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ success: false, verdict: 'mismatch' }))
    })
  })
}

const KINDS: Record<string, () => Server | Promise<Server>> = {
  'bare-fastify': bareFastify,
  'node-http': nodeHttp,
  refusing,
}

process.on('disconnect', () => process.exit())
const server = await KINDS[kind ?? '']?.()
if (server !== undefined) {
  await once(server.listen(listening), 'listening')
  process.send?.('listening')
}
