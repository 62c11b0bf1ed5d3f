import { runPostferry } from './cli/program.ts'
import { stopped } from './cli/terminal/stop-signal.ts'
import { welcome } from './cli/terminal/welcome.ts'
import { proxiedSessions } from './engines/doveadm/sessions.ts'
import { becomeOwner } from './files/become-owner.ts'
import { makeFolder } from './files/folder.ts'
import { instanceId } from './files/kept-ids.ts'
import { lockFolder } from './files/lock.ts'
import { ListenError } from './http/listen.ts'
import { loadImap } from './imap/login/ask.ts'
import { derivedKey } from './keys/panel-key.ts'
import { panelKeyInForce, provideSecrets } from './keys/secrets.ts'
import { roomBeside } from './maildir/free-space.ts'
import { loadSettings, type Settings } from './settings.ts'
import { environment } from './settings-file.ts'
import { tellSystemd } from './systemd.ts'
import { openCopying } from './wiring/copying.ts'
import { enginesFor } from './wiring/engine.ts'
import { openReady, openService } from './wiring/service.ts'

let loaded: Settings | undefined

/** Loaded once, when a command needs them: `--help` works whatever the settings are. */
function settings(): Settings {
  loaded ??= loadSettings(environment())
  return loaded
}

async function serve(): Promise<void> {
  // No other command waits until the HTTP rooms are loaded.
  const { openListeners, openLog } = await import('./http/listeners.ts')
  const { createMetrics } = await import('./http/metrics.ts')
  const { lookNowAndThen } = await import('./http/standing-gauges.ts')
  const { openSocketmap } = await import('./wiring/socketmap.ts')

  const { dataDir, logLevel, proxyNetworks } = settings()
  using _alone = await lockDataDir(dataDir)
  const stopAsked = stopped()
  const log = openLog(logLevel)
  const metrics = createMetrics()

  // imapflow is loaded now, so that no sign-in waits for it.
  const [{ authToken, adminToken }] = await Promise.all([provideSecrets(settings()), loadImap()])
  const sessionKey = derivedKey(panelKeyInForce(settings()), 'session')

  await using service = await openService(settings(), {
    ...{ time: metrics.time, instance: instanceId(dataDir) },
    onTrouble: (cause) => log.warn({ cause: String(cause) }, 'holds'),
  })
  const { auth, deliveryOf, providerStatus, checks } = service
  await using listening = await openListeners(settings(), {
    ...{ auth, deliveryOf, providerStatus, checks, deps: service },
    standing: lookNowAndThen(service.standing),
    ...{ authToken, adminToken, sessionKey, proxyNetworks, metrics, log },
  })
  await using _socketmap = await openSocketmap(service, log, metrics.lookedUp)

  // Whoever starts it again starts the program that is there now.
  const { promise: outgrown, reject } = Promise.withResolvers<never>()
  using _watching = service.database.watchSchema(reject)
  using _told = await tellSystemd(listening.answers)
  process.stdout.write(welcome(settings()))
  log.info({ signal: await Promise.race([stopAsked, outgrown]) }, 'stopping')
}

/** Two services must not share a data directory. */
async function lockDataDir(dataDir: string): Promise<Disposable> {
  makeFolder(dataDir)
  const lock = await lockFolder(dataDir, 'serve')
  if (lock === null) throw new ListenError(`another "postferry serve" runs on the data directory ${dataDir}`)
  return lock
}

await runPostferry(process.argv.slice(2), {
  settings,
  engine: () => enginesFor(settings()),
  sessions: () => proxiedSessions(settings().doveadm),
  room: () => roomBeside(settings().keptFree, []),
  becomeOwner: () => becomeOwner(settings()),
  open: () => openReady(settings()),
  openUnready: () => openService(settings()),
  async checkBackup(pieces) {
    const { checkBackup } = await import('./db/backup/reader.ts')
    return await checkBackup(pieces)
  },
  serve,
  async openCopying(options) {
    becomeOwner(settings())
    // An upgrade of the package takes away what was not loaded before it.
    const [copying] = await Promise.all([openCopying(settings(), options), loadImap()])
    // A worker that can still set a timer lives: its jobs have limits of their own.
    const told = await tellSystemd(async () => true)
    return {
      ...copying,
      async [Symbol.asyncDispose]() {
        told[Symbol.dispose]()
        await copying[Symbol.asyncDispose]()
      },
    }
  },
})
