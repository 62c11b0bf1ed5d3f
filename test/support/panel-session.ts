import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import secureSession from '@fastify/secure-session'
import Fastify from 'fastify'
import { derivedKey, panelKeyIn } from '../../src/keys/panel-key.ts'
import { query } from './query.ts'
import type { RunningService } from './service.ts'

/** What stands in a session of the panel. */
interface Session {
  readonly name: string
  /** Milliseconds since 1970. */
  readonly signedInAt: number
  readonly touchedAt: number
}

/** The cookie of a session that was begun and used at these times, as only the panel's own key makes it. */
export async function sessionCookie(service: RunningService, session: Session, key?: Buffer): Promise<string> {
  const { name, signedInAt, touchedAt } = session
  const own = panelKeyIn(readFileSync(join(service.dataDir, 'panel-key'), 'utf8').trim())
  const app = Fastify()
  app.register(secureSession, { key: derivedKey(key ?? own ?? Buffer.alloc(0), 'session'), cookieName: 'postferry' })
  await app.ready()
  const made = app.createSecureSession({
    ...{ name, stamp: await stampOf(service, name), signedInAt },
    __ts: Math.floor(touchedAt / 1000),
  })
  const cookie = encodeURIComponent(app.encodeSecureSession(made))
  await app.close()
  return `postferry=${cookie}`
}

async function stampOf({ dataDir }: RunningService, name: string): Promise<string> {
  const { rows } = await query(dataDir, `select session_stamp from administrator where name = '${name}'`)
  return rows[0].session_stamp
}
