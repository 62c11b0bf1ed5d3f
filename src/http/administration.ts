import type { FastifyInstance } from 'fastify'
import type { House } from '../operations/house.ts'
import { admin } from './api/admin.ts'
import { describeRoutes } from './openapi.ts'
import { panel } from './panel/panel.ts'
import { type HttpListener, httpListener } from './server.ts'

export interface Administration extends HttpListener {
  readonly house: House
  /** 32 bytes that encrypt the panel's sessions. */
  readonly sessionKey: Buffer
}

/** What administrators use: the admin API, the description of both APIs, and the panel. Not listening itself. */
export function administration({ house, sessionKey, ...listener }: Administration): FastifyInstance {
  return httpListener({ ...listener, prepare: describeRoutes })
    .register(admin, { house, adminToken: listener.adminToken })
    .register(panel, { house, sessionKey, log: listener.log })
}
