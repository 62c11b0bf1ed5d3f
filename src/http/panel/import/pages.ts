import multipart from '@fastify/multipart'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { importing } from '../../../operations/import.ts'
import { piecesOf } from '../../../operations/import-file.ts'
import type { PanelDeps } from '../deps.ts'
import { sendPiece } from '../live.ts'
import type { Notice } from '../page.ts'
import { administrator } from '../session.ts'
import { callerOf, goOn, show } from '../show.ts'
import { notFound, troubleOf } from '../trouble.ts'
import { isRunning, type Run, type Upload, Uploads } from './uploads.ts'
import { progressOf, uploadForm, uploadPage } from './views.ts'

const PATH = '/admin/import'
const OPERATE = { permission: 'operate' } as const
const FILE_LIMIT = 16 * 1024 * 1024

const One = Type.Object({ id: Type.String({ maxLength: 64 }) })
const Confirmation = Type.Object({ reason: Type.Optional(Type.String()), skip_bad: Type.Optional(Type.String()) })
// As @fastify/multipart gives it: fields are texts, files are bytes.
type Form = { readonly file?: unknown; readonly verify?: unknown }

const NO_FILE: Notice = { kind: 'bad', text: 'No file was chosen, or it is empty.' }
const NO_ROOM: Notice = { kind: 'warn', text: 'Other files are being imported: try again in a few minutes.' }

/** People of a CSV file: first what it would do, then that. */
export const importPages: FastifyPluginAsyncTypebox<PanelDeps> = async (app, deps) => {
  const uploads = new Uploads()
  app.addHook('onClose', async () => uploads[Symbol.dispose]())
  await app.register(multipart, {
    attachFieldsToBody: 'keyValues',
    limits: { fileSize: FILE_LIMIT, files: 1, fields: 8 },
  })

  const runFor = (request: FastifyRequest, reason?: string): Run => {
    const caller = callerOf(request)
    return async (file, said, watcher) => {
      try {
        return await deps.perform(importing(piecesOf(file), watcher), { ...said, reason: reason || undefined }, caller)
      } catch (error) {
        if (troubleOf(error as Error).status >= 500) deps.log.error({ cause: (error as Error).message }, 'panel import')
        throw error
      }
    }
  }

  app.get(PATH, { config: OPERATE }, async (request, reply) => {
    return show(request, reply, { title: 'Import' }, uploadForm(reply.generateCsrf(), FILE_LIMIT))
  })

  app.post(PATH, { config: OPERATE }, async (request, reply) => {
    const { file, verify } = request.body as Form
    if (!Buffer.isBuffer(file) || file.length === 0) return goOn(request, reply, PATH, NO_FILE)
    const { name } = administrator(request)
    if (!uploads.makeRoom(name)) return goOn(request, reply, PATH, NO_ROOM)
    const upload = uploads.add(name, 'people', verify === 'yes', file, runFor(request))
    return reply.redirect(`${PATH}/${upload.id}`, 303)
  })

  app.get(`${PATH}/:id`, { config: OPERATE, schema: { params: One } }, async (request, reply) => {
    const upload = found(uploads, request)
    const isBusy = isRunning(upload)
    const content = uploadPage(upload, reply.generateCsrf())
    return show(request, reply, { title: 'Import', ...(isBusy && { refreshSeconds: 3 }) }, content)
  })

  app.get(`${PATH}/:id/progress`, { config: OPERATE, schema: { params: One } }, async (request, reply) => {
    return sendPiece(reply, progressOf(found(uploads, request)))
  })

  app.post(
    `${PATH}/:id/confirm`,
    { config: OPERATE, schema: { params: One, body: Confirmation } },
    async (request, reply) => {
      const upload = found(uploads, request)
      if (upload.preview !== null)
        uploads.import(upload, request.body.skip_bad === 'yes', runFor(request, request.body.reason))
      return reply.redirect(`${PATH}/${upload.id}`, 303)
    },
  )
}

function found(uploads: Uploads, request: FastifyRequest<{ Params: { id: string } }>): Upload {
  const upload = uploads.find(request.params.id, administrator(request).name)
  if (upload === null) throw notFound()
  return upload
}
