import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { CODE } from '../../installed.ts'

/** A file that pages refer to. Its address changes with its content, so that browsers may keep it for ever. */
export interface Asset {
  readonly url: string
  readonly type: string
  readonly body: Buffer
  /** Pages are not compressed: how much they shrink would tell of the secrets in them. A file has none. */
  readonly compressed: Buffer
}

const OWN = join(CODE, 'http/panel/assets')
const HTMX = join(createRequire(import.meta.url).resolve('htmx.org/package.json'), '../dist')
const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}
const FOREVER = 'public, max-age=31536000, immutable'

export const STYLE = asset('panel.css', join(OWN, 'panel.css'))
export const ICON = asset('icon.svg', join(OWN, 'icon.svg'))
export const SCRIPT = asset('panel.js', join(HTMX, 'htmx.min.js'), join(OWN, 'panel.js'))

export function serveAssets(app: FastifyInstance): void {
  for (const { url, type, body, compressed } of [STYLE, ICON, SCRIPT]) {
    app.get(url, (request, reply) => {
      reply.header('cache-control', FOREVER).header('vary', 'accept-encoding').type(type)
      if (!request.headers['accept-encoding']?.includes('gzip')) return reply.send(body)
      return reply.header('content-encoding', 'gzip').send(compressed)
    })
  }
}

function asset(name: string, ...files: readonly string[]): Asset {
  const body = Buffer.from(files.map((file) => readFileSync(file, 'utf8')).join('\n'))
  const version = createHash('sha256').update(body).digest('hex').slice(0, 12)
  const type = TYPES[name.split('.').at(-1) ?? ''] ?? ''
  return { url: `/admin/assets/${version}/${name}`, type, body, compressed: gzipSync(body) }
}
