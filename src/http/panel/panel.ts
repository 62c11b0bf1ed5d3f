import csrfProtection from '@fastify/csrf-protection'
import formbody from '@fastify/formbody'
import helmet from '@fastify/helmet'
import secureSession from '@fastify/secure-session'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { makeBoard } from '../../operations/board.ts'
import { accountPage } from './account.ts'
import { administratorPages } from './administrators.ts'
import { alarmPiece, alarms, liveAlarm } from './alarm.ts'
import { aliasPage } from './aliases.ts'
import { serveAssets } from './assets.ts'
import { auditPage } from './audit.ts'
import type { PanelDeps } from './deps.ts'
import { importPages } from './import/pages.ts'
import { memo } from './memo.ts'
import { bulk } from './migrations/bulk.ts'
import { migrationChanges } from './migrations/change.ts'
import { migrationList } from './migrations/list.ts'
import { migrationPage } from './migrations/page.ts'
import { overview } from './overview.ts'
import { providerPages } from './providers/edit.ts'
import { providerList } from './providers/list.ts'
import { providerTest } from './providers/test.ts'
import { IDLE_LIMIT_MS, requireAdministrator, requirePermission } from './session.ts'
import { signInForForm, signInPages } from './sign-in.ts'
import { notFound, tellTrouble } from './trouble.ts'

export interface Panel {
  readonly deps: Omit<PanelDeps, 'log' | 'board'>
  /** 32 bytes that encrypt the sessions. */
  readonly sessionKey: Buffer
  readonly log: Logger
}

const PAGES = [
  ...[
    alarms,
    overview,
    migrationList,
    migrationPage,
    migrationChanges,
    bulk,
    providerList,
    providerPages,
    providerTest,
  ],
  ...[importPages, auditPage, aliasPage, administratorPages, accountPage],
]

const FORM_LIMIT = 256 * 1024
const IDLE_LIMIT_S = IDLE_LIMIT_MS / 1000

// Nothing but the panel's own files; nothing inline, nobody's frame.
const [NONE, SELF] = [["'none'"], ["'self'"]]
const CONTENT_SECURITY = {
  useDefaults: false,
  directives: {
    ...{ defaultSrc: NONE, baseUri: NONE, frameAncestors: NONE },
    ...{ scriptSrc: SELF, styleSrc: SELF, imgSrc: SELF, connectSrc: SELF, formAction: SELF },
  },
}

/** `/admin`: the pages for administrators. */
export async function panel(app: FastifyInstance, { deps, sessionKey, log }: Panel): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: CONTENT_SECURITY,
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
  })
  serveAssets(app)
  await app.register(async (pages) => {
    pages.decorateRequest('administrator', null)
    pages.decorateRequest('alarm', null)
    await protect(pages, sessionKey)
    tellTrouble(pages, log)
    const typed = pages.withTypeProvider<TypeBoxTypeProvider>()
    await typed.register(signInPages, deps)
    await typed.register(async (guarded) => {
      guarded.addHook('onRoute', requirePermission)
      guarded.addHook('onRequest', requireAdministrator(deps.administrators))
      guarded.addHook('preValidation', signInForForm)
      // After the body was read, where the token stands.
      guarded.addHook('preHandler', protectForms)
      const board = memo(() => deps.perform(makeBoard, {}, { actor: 'panel', role: 'viewer' }))
      guarded.addHook('preHandler', async (request) => {
        const isPiece = request.headers['hx-request'] !== undefined
        if (!isPiece && request.administrator !== null && request.routeOptions.url !== '/admin')
          // A page is shown without it where the database is away.
          request.alarm = await board().then(
            (made) => liveAlarm(alarmPiece(made)),
            () => null,
          )
      })
      // Who has changed something sees what has come of it.
      const perform: PanelDeps['perform'] = async (operation, said, caller) => {
        const result = await deps.perform(operation, said, caller)
        if (operation.permission !== 'see') board.forget()
        return result
      }
      const handed: PanelDeps = { ...deps, log, board, perform }
      for (const page of PAGES) await guarded.register(page, handed)
      guarded.get('/admin/', (_, reply) => reply.redirect('/admin', 301))
      guarded.get('/admin/*', () => {
        throw notFound()
      })
    })
  })
}

async function protect(pages: FastifyInstance, key: Buffer): Promise<void> {
  await pages.register(formbody, { bodyLimit: FORM_LIMIT })
  await pages.register(secureSession, {
    ...{ key, cookieName: 'postferry', expiry: IDLE_LIMIT_S },
    cookie: { path: '/admin', httpOnly: true, sameSite: 'strict' },
  })
  await pages.register(csrfProtection, { sessionPlugin: '@fastify/secure-session', getToken: tokenIn })
  pages.addHook('onRequest', async (request, reply) => {
    request.session.options({ secure: request.protocol === 'https' })
    reply.header('cache-control', 'no-store')
  })
}

/** Where forms carry their token; a file that is uploaded comes with fields that are objects. */
function tokenIn({ body }: FastifyRequest): string {
  const token = (body as { _csrf?: unknown } | undefined)?._csrf
  return typeof token === 'string' ? token : ''
}

type ProtectForms = FastifyInstance['csrfProtection']

const protectForms: ProtectForms = function protectForms(this: FastifyInstance, request, reply, next) {
  if (request.method === 'GET' || request.method === 'HEAD') next()
  else this.csrfProtection(request, reply, next)
}
