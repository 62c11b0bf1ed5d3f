import type { FastifyInstance } from 'fastify'
import type { Deps } from '../operations/deps.ts'
import { admin } from './api/admin.ts'
import { describeRoutes } from './openapi.ts'
import { panel } from './panel/panel.ts'
import { type HttpListener, httpListener } from './server.ts'

export interface Administration extends HttpListener {
  readonly deps: Deps
  /** 32 bytes that encrypt the panel's sessions. */
  readonly sessionKey: Buffer
}

/** What administrators use: the admin API, the description of both APIs, and the panel. Not listening itself. */
export function administration({ deps, sessionKey, ...listener }: Administration): FastifyInstance {
  return httpListener({ ...listener, prepare: describeRoutes })
    .register(admin, { deps, adminToken: listener.adminToken })
    .register(panel, { deps, sessionKey, log: listener.log })
}
