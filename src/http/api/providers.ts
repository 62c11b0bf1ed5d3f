import type { FastifyPluginAsync } from 'fastify'
import type { House } from '../../operations/house.ts'
import { trySignIn } from '../../operations/provider-login-test.ts'
import { testProvider } from '../../operations/provider-test.ts'
import { addProvider, listProviders, removeProvider, setProvider, showProvider } from '../../operations/providers.ts'
import { serve } from './route.ts'

/** `/providers`: old IMAP servers, and how to reach them. */
export const providers: FastifyPluginAsync<{ house: House }> = async (app, { house }) => {
  serve(app, house, { method: 'GET', path: '/providers' }, listProviders)
  serve(app, house, { method: 'GET', path: '/providers/:name' }, showProvider)
  serve(app, house, { method: 'POST', path: '/providers', status: 201 }, addProvider)
  serve(app, house, { method: 'PATCH', path: '/providers/:name' }, setProvider)
  serve(app, house, { method: 'DELETE', path: '/providers/:name' }, removeProvider)
  serve(app, house, { method: 'POST', path: '/providers/:name/test' }, testProvider)
  serve(app, house, { method: 'POST', path: '/providers/:name/sign-in' }, trySignIn)
}
