import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { Type } from '../model/json-schema.ts'
import { version } from '../operations/version.ts'

const bearer = (description: string) => ({ type: 'http' as const, scheme: 'bearer', description })

const DOCUMENT = {
  openapi: '3.1.0',
  info: {
    title: 'postferry',
    version: version(),
    license: { name: 'MIT', identifier: 'MIT' },
    description: 'Moves people from an old IMAP server to a new Dovecot at their first sign-in.',
  },
  tags: [
    { name: 'auth', description: 'What Dovecot asks' },
    { name: 'health', description: 'What monitoring asks' },
    { name: 'admin', description: 'What administrators do, as the commands do it' },
  ],
  components: {
    securitySchemes: {
      authToken: bearer('The auth token; asked for on TCP, not on the socket'),
      adminToken: bearer('The admin token'),
    },
  },
}

/** `/openapi.json`: every route with a tag that is made after this, from its own schemas. */
export function describeRoutes(app: FastifyInstance): void {
  // The panel's pages have no tag: they are for people.
  app.register(swagger, {
    openapi: DOCUMENT,
    hideUntagged: true,
    refResolver: { buildLocalReference: ({ $id }) => String($id) },
  })
  app.register(async (described) => {
    const response = { 200: Type.Object({}, { additionalProperties: true, description: 'OpenAPI 3.1' }) }
    const schema = { summary: 'This description', tags: ['health'], response }
    described.get('/openapi.json', { schema }, () => described.swagger())
  })
}
