import { mkdirSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { destination, type Logger, pino } from 'pino'
import type { House } from '../operations/house.ts'
import type { Settings } from '../settings.ts'
import type { Time } from '../source/ports.ts'
import type { Asked } from './auth/passdb.ts'
import type { Check } from './health.ts'
import { ListenError, listenOnPort, listenOnSocket } from './listen.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { type Later, later, passOn } from './pass-on.ts'
import { type HttpDoor, httpDoor } from './server.ts'

/** What `postferry serve` runs. */
export interface Served extends AsyncDisposable {
  readonly asked: Asked
  readonly checks: Record<string, Check>
  readonly authToken: string
  readonly adminToken: string
  readonly house: House
  /** 32 bytes that encrypt the panel's sessions. */
  readonly sessionKey: Buffer
  /** Printed when the doors are open. */
  readonly welcome: string
}

/** Within 5 s of SIGTERM all is over: letting go of the database may take 3 s. */
const DRAIN_LIMIT_MS = 2_000

/**
 * Opens the HTTP doors and keeps them open until SIGTERM or SIGINT.
 * @param lock held while this process serves; null: another one does
 */
export async function serve(settings: Settings, lock: Lock, open: (time: Time) => Promise<Served>): Promise<void> {
  mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 })
  using held = await lock(settings.dataDir)
  if (held === null) throw new ListenError(`another "postferry serve" runs on the data directory ${settings.dataDir}`)
  const log = pino({ level: settings.logLevel }, destination({ dest: 2, sync: false }))
  const stopped = stopSignal()
  const metrics = createMetrics()
  await using served = await open(metrics.time)
  const administration = later(async () => {
    const { administration } = await import('./administration.ts')
    return administration({ ...served, metrics, log, hostNames: null, proxyNetworks: settings.proxyNetworks })
  })
  const doors = await openDoors(settings, served, metrics, log, administration)
  process.stdout.write(served.welcome)
  log.info({ signal: await stopped }, 'stopping')
  const drained = Promise.all([administration, ...doors].map((door) => door.close()))
  await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, DRAIN_LIMIT_MS).unref())])
  // Who has not asked by now, or not read the answer, would keep us for ever.
  for (const door of doors) door.server.closeAllConnections()
}

type Lock = (folder: string) => Promise<Disposable | null>

async function openDoors(
  settings: Settings,
  served: Served,
  metrics: Metrics,
  log: Logger,
  administration: Later,
): Promise<FastifyInstance[]> {
  const doorWith = (guard: Pick<HttpDoor, 'authToken' | 'hostNames'>) => {
    const { asked, checks, adminToken } = served
    const door = httpDoor({ asked, checks, adminToken, metrics, log, proxyNetworks: settings.proxyNetworks, ...guard })
    passOn(door, administration)
    return door
  }
  const socketDoor = doorWith({ authToken: null, hostNames: null })
  const doors = [socketDoor]
  try {
    await listenOnSocket(socketDoor, settings.socket)
    if (settings.port !== 0) {
      const portDoor = doorWith({ authToken: served.authToken, hostNames: [settings.host, ...settings.hostNames] })
      doors.push(portDoor)
      await listenOnPort(portDoor, settings.host, settings.port)
    }
    log.info({ socket: settings.socket, host: settings.host, port: settings.port }, 'listening')
    return doors
  } catch (error) {
    await Promise.all(doors.map((door) => door.close()))
    throw error
  }
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve)
  })
}
