import type { FastifyPluginAsync } from 'fastify'
import {
  disableAccount,
  enableAccount,
  listAccounts,
  setPassword,
  setQuota,
  showAccount,
} from '../../operations/accounts.ts'
import type { House } from '../../operations/house.ts'
import { serve } from './route.ts'

/** `/accounts`: people who have an account on the new server. */
export const accounts: FastifyPluginAsync<{ house: House }> = async (app, { house }) => {
  serve(app, house, { method: 'GET', path: '/accounts' }, listAccounts)
  serve(app, house, { method: 'GET', path: '/accounts/:address' }, showAccount)
  serve(app, house, { method: 'POST', path: '/accounts/:address/enable' }, enableAccount)
  serve(app, house, { method: 'POST', path: '/accounts/:address/disable' }, disableAccount)
  serve(app, house, { method: 'POST', path: '/accounts/:address/quota' }, setQuota)
  serve(app, house, { method: 'POST', path: '/accounts/:address/passwd' }, setPassword)
}
