import { runPostferry } from './cli/program.ts'
import { welcome } from './cli/terminal/welcome.ts'
import { lockFolder } from './db/embedded/lock.ts'
import { becomeOwner } from './files/become-owner.ts'
import { instanceId } from './files/instance-id.ts'
import type { Served } from './http/serve.ts'
import { loadImap } from './imap/login/ask.ts'
import { derivedKey } from './keys/panel-key.ts'
import { panelKeyInForce, provideSecrets } from './keys/secrets.ts'
import { loadSettings, type Settings } from './settings.ts'
import { environment } from './settings-file.ts'
import type { Time } from './source/ports.ts'
import { engineFor } from './wiring/engine.ts'
import { openReady, openService } from './wiring/service.ts'

let loaded: Settings | undefined

/** Loaded once, when a command needs them: `--help` works whatever the settings are. */
function settings(): Settings {
  loaded ??= loadSettings(environment())
  return loaded
}

async function openServed(time: Time): Promise<Served> {
  // So that nobody who signs in waits for it.
  const [secrets] = await Promise.all([provideSecrets(settings()), loadImap()])
  const service = await openService(settings(), time, instanceId(settings().dataDir))
  service.watch()
  return {
    asked: service.asked,
    checks: service.checks,
    authToken: secrets.authToken,
    adminToken: secrets.adminToken,
    house: service,
    sessionKey: derivedKey(panelKeyInForce(settings()), 'session'),
    welcome: welcome(settings()),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  }
}

await runPostferry(process.argv.slice(2), {
  settings,
  engine: () => engineFor(settings()),
  becomeOwner: () => becomeOwner(settings()),
  open: () => openReady(settings()),
  openUnready: () => openService(settings()),
  async serve() {
    // The HTTP rooms take half of a command's start: only this one waits for them.
    const { serve } = await import('./http/serve.ts')
    await serve(settings(), (folder) => lockFolder(folder, 'serve'), openServed)
  },
  async openCopying(options) {
    // Only this one waits for the queue's library.
    const { openCopying } = await import('./wiring/copying.ts')
    becomeOwner(settings())
    return await openCopying(settings(), options)
  },
})
