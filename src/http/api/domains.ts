import type { FastifyPluginAsync } from 'fastify'
import type { Deps } from '../../operations/deps.ts'
import { addDomain, listDomains, removeDomain } from '../../operations/domains.ts'
import { serve } from './route.ts'

/** `/domains`: mail domains that are being moved. */
export const domains: FastifyPluginAsync<{ deps: Deps }> = async (app, { deps }) => {
  serve(app, deps, { method: 'GET', path: '/domains' }, listDomains)
  serve(app, deps, { method: 'POST', path: '/domains', status: 201 }, addDomain)
  serve(app, deps, { method: 'DELETE', path: '/domains/:domain' }, removeDomain)
}
