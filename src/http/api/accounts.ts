import type { FastifyPluginAsync } from 'fastify'
import {
  disableAccount,
  enableAccount,
  listAccounts,
  setPassword,
  setQuota,
  showAccount,
} from '../../operations/accounts.ts'
import type { Deps } from '../../operations/deps.ts'
import { serve } from './route.ts'

/** `/accounts`: people who have an account on the new server. */
export const accounts: FastifyPluginAsync<{ deps: Deps }> = async (app, { deps }) => {
  serve(app, deps, { method: 'GET', path: '/accounts' }, listAccounts)
  serve(app, deps, { method: 'GET', path: '/accounts/:address' }, showAccount)
  serve(app, deps, { method: 'POST', path: '/accounts/:address/enable' }, enableAccount)
  serve(app, deps, { method: 'POST', path: '/accounts/:address/disable' }, disableAccount)
  serve(app, deps, { method: 'POST', path: '/accounts/:address/quota' }, setQuota)
  serve(app, deps, { method: 'POST', path: '/accounts/:address/passwd' }, setPassword)
}
