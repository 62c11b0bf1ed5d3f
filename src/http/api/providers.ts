import type { FastifyPluginAsync } from 'fastify'
import type { Deps } from '../../operations/deps.ts'
import { trySignIn } from '../../operations/provider-login-test.ts'
import { testProvider } from '../../operations/provider-test.ts'
import { addProvider, listProviders, removeProvider, setProvider, showProvider } from '../../operations/providers.ts'
import { serve } from './route.ts'

/** `/providers`: old IMAP servers, and how to reach them. */
export const providers: FastifyPluginAsync<{ deps: Deps }> = async (app, { deps }) => {
  serve(app, deps, { method: 'GET', path: '/providers' }, listProviders)
  serve(app, deps, { method: 'GET', path: '/providers/:name' }, showProvider)
  serve(app, deps, { method: 'POST', path: '/providers', status: 201 }, addProvider)
  serve(app, deps, { method: 'PATCH', path: '/providers/:name' }, setProvider)
  serve(app, deps, { method: 'DELETE', path: '/providers/:name' }, removeProvider)
  serve(app, deps, { method: 'POST', path: '/providers/:name/test' }, testProvider)
  serve(app, deps, { method: 'POST', path: '/providers/:name/sign-in' }, trySignIn)
}
