import type { FastifyPluginAsync } from 'fastify'
import { listAudit } from '../../operations/audit.ts'
import type { House } from '../../operations/house.ts'
import { serve } from './route.ts'

/** `/audit`: who changed what, and why. */
export const audit: FastifyPluginAsync<{ house: House }> = async (app, { house }) => {
  serve(app, house, { method: 'GET', path: '/audit' }, listAudit)
}
