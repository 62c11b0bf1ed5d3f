import type { FastifyPluginAsync } from 'fastify'
import { addDomain, listDomains, removeDomain } from '../../operations/domains.ts'
import type { House } from '../../operations/house.ts'
import { serve } from './route.ts'

/** `/domains`: mail domains that are being moved. */
export const domains: FastifyPluginAsync<{ house: House }> = async (app, { house }) => {
  serve(app, house, { method: 'GET', path: '/domains' }, listDomains)
  serve(app, house, { method: 'POST', path: '/domains', status: 201 }, addDomain)
  serve(app, house, { method: 'DELETE', path: '/domains/:domain' }, removeDomain)
}
