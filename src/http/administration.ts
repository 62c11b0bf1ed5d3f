import type { FastifyInstance } from 'fastify'
import type { House } from '../operations/house.ts'
import { admin } from './api/admin.ts'
import { describeRoutes } from './openapi.ts'
import { panel } from './panel/panel.ts'
import { type HttpDoor, httpDoor } from './server.ts'

export interface Administration extends HttpDoor {
  readonly house: House
  /** 32 bytes that encrypt the panel's sessions. */
  readonly sessionKey: Buffer
}

/** What administrators use: the API, its description together with the door's, and the panel. Not listening itself. */
export function administration({ house, sessionKey, ...door }: Administration): FastifyInstance {
  return httpDoor({ ...door, prepare: describeRoutes })
    .register(admin, { house, adminToken: door.adminToken })
    .register(panel, { house, sessionKey, log: door.log })
}
