import { once } from 'node:events'
import { request } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { destination, type Logger, pino } from 'pino'
import type { Deps } from '../operations/deps.ts'
import type { Settings } from '../settings.ts'
import { listenOnPort, listenOnSocket } from './listen.ts'
import { later, passOn } from './pass-on.ts'
import { type HttpDeps, type HttpListener, httpListener } from './server.ts'

export interface ListenerDeps extends HttpDeps {
  readonly authToken: string
  readonly deps: Deps
  /** 32 bytes that encrypt the panel's sessions. */
  readonly sessionKey: Buffer
}

/**
 * The log: JSON lines on standard error. Whatever becomes of it (its disk is full, its terminal is closed), people are
 * answered, and the service ends when it is asked to.
 */
export function openLog(level: string): Logger {
  const log = destination({ dest: 2, sync: false, maxLength: LOG_WAITING_BYTES })
  log.on('error', () => {
    // At the exit it would be tried again for ever.
    log.flushSync = () => undefined
  })
  return pino({ level }, log)
}

/** So much waits for a log that cannot be written; what comes then is lost. */
const LOG_WAITING_BYTES = 4 * 1024 * 1024

/** What listens. */
export interface Listening extends AsyncDisposable {
  /** Whether somebody who asks on the socket now hears an answer in time. */
  answers(): Promise<boolean>
}

const ANSWER_LIMIT_MS = 15_000
/** Within 5 s of SIGTERM all is over: leaving the database may take 3 s. */
const DRAIN_LIMIT_MS = 2_000

/** Listens on the socket and the port of the settings. Dispose to stop, with what is being answered answered. */
export async function openListeners(settings: Settings, deps: ListenerDeps): Promise<Listening> {
  const administration = later(async () => {
    const { administration } = await import('./administration.ts')
    return administration({ ...deps, hostNames: null })
  })
  const listeners: FastifyInstance[] = []
  const listener = (guard: Pick<HttpListener, 'authToken' | 'hostNames'>) => {
    const app = httpListener({ ...deps, ...guard })
    passOn(app, administration)
    listeners.push(app)
    return app
  }
  try {
    const onSocket = listener({ authToken: null, hostNames: null })
    // What is wrong with a route has nothing to do with the socket.
    await onSocket.ready()
    await listenOnSocket(onSocket, settings.socket, 'POSTFERRY_SOCKET')
    if (settings.port !== 0) {
      const hostNames = [settings.host, ...settings.hostNames]
      const onPort = listener({ authToken: deps.authToken, hostNames })
      await listenOnPort(onPort, settings.host, settings.port, 'POSTFERRY_HOST, POSTFERRY_PORT')
    }
  } catch (error) {
    await Promise.all(listeners.map((app) => app.close()))
    throw error
  }
  deps.log.info({ socket: settings.socket, host: settings.host, port: settings.port }, 'listening')
  return {
    answers: () => answersOn(settings.socket),
    async [Symbol.asyncDispose]() {
      const drained = Promise.all([administration, ...listeners].map((app) => app.close()))
      await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, DRAIN_LIMIT_MS).unref())])
      // Whoever has not asked by now, or not read the answer, would keep us for ever.
      for (const { server } of listeners) server.closeAllConnections()
    },
  }
}

async function answersOn(socketPath: string): Promise<boolean> {
  const asked = request({
    socketPath,
    path: '/livez',
    agent: false,
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  }).end()
  const [{ statusCode }] = await once(
    asked.on('response', (response) => response.resume()),
    'response',
  )
  return statusCode === 200
}
