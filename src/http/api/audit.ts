import type { FastifyPluginAsync } from 'fastify'
import { listAudit } from '../../operations/audit.ts'
import type { Deps } from '../../operations/deps.ts'
import { serve } from './route.ts'

/** `/audit`: who changed what, and why. */
export const audit: FastifyPluginAsync<{ deps: Deps }> = async (app, { deps }) => {
  serve(app, deps, { method: 'GET', path: '/audit' }, listAudit)
}
