import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { type Administrator, may, type Permission } from '../../model/administrator.ts'
import type { Administrators } from '../../operations/administrator-ports.ts'
import type { Piece } from './html.ts'
import { isOwnForm, pageBefore } from './own-pages.ts'
import type { Notice } from './page.ts'

declare module '@fastify/secure-session' {
  interface SessionData {
    /** Who is signed in. */
    name: string
    /** The sessions of an administrator are over when the stamp is another one. */
    stamp: string
    /** Milliseconds since 1970. */
    signedInAt: number
    /** What the last action has done, until a page has told it. */
    notice: Notice
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    administrator: Administrator | null
    /** What a page of theirs tells on top, whatever it is about; null: nothing. */
    alarm: Piece | null
  }
  interface FastifyContextConfig {
    /** What whoever uses the route has to be allowed to do. */
    permission?: Permission
  }
}

/** A session ends when nothing was asked for so long, and in any case after a day's work. */
export const IDLE_LIMIT_MS = 30 * 60_000
const WHOLE_LIMIT_MS = 12 * 60 * 60_000

export const SIGN_IN_PATH = '/admin/sign-in'

export type Sessions = Pick<Administrators, 'session'>

/** Lets nobody pass but administrators who may do what the route does; the others are sent to sign in. */
export function requireAdministrator(administrators: Sessions) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    request.administrator = await administratorOf(request, administrators)
    // What was typed into a form is read before its person signs in.
    if (request.administrator === null) return isOwnForm(request) ? undefined : await askToSignIn(request, reply)
    // What a page asks of its own accord keeps no session awake.
    if (request.headers['hx-request'] === undefined) request.session.touch()
    if (!may(request.administrator.role, request.routeOptions.config.permission ?? 'see')) throw new NotAllowed()
  }
}

/** A change that anybody could make who sees it would be a mistake in the program. */
export function requirePermission({ method, url, config }: RouteOptions): void {
  const reads = [method].flat().every((name) => name === 'GET' || name === 'HEAD')
  if (!reads && config?.permission === undefined) throw new Error(`${url} says nothing of who may use it`)
}

/** Who uses a route that `requireAdministrator` guards. */
export function administrator({ administrator }: FastifyRequest): Administrator {
  if (administrator === null) throw new Error('the route is not guarded')
  return administrator
}

/** The role does not allow it. */
class NotAllowed extends Error {
  readonly statusCode = 403
}

/** Whose session it is; null when it has ended. */
async function administratorOf({ session }: FastifyRequest, administrators: Sessions): Promise<Administrator | null> {
  const [name, stamp, signedInAt = 0] = [session.get('name'), session.get('stamp'), session.get('signedInAt')]
  if (name === undefined || stamp === undefined || Date.now() > signedInAt + WHOLE_LIMIT_MS) return null
  return await administrators.session(name, stamp)
}

const ENDED = 'Your session has ended: sign in again.'
const LOST = 'Your session has ended, and nothing was done: sign in, and send it again.'

async function askToSignIn(request: FastifyRequest, reply: FastifyReply) {
  // A page asks for a part of itself, where a form to sign in has no place: it is loaded again.
  if (request.headers['hx-request'] !== undefined) {
    return await reply.code(401).header('hx-refresh', 'true').send()
  }
  const page = pageBefore(request)
  const wasSignedIn = request.session.get('name') !== undefined || page !== null
  request.session.regenerate()
  if (wasSignedIn) request.session.set('notice', { kind: 'warn', text: request.method === 'GET' ? ENDED : LOST })
  // What was sent is lost, a page can be shown afterwards.
  const next = request.method === 'GET' ? request.url : (page ?? '')
  const isHome = next === '' || next === '/admin'
  return reply.redirect(isHome ? SIGN_IN_PATH : `${SIGN_IN_PATH}?next=${encodeURIComponent(next)}`, 303)
}
