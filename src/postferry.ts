import { becomeOwner } from './become-owner.ts'
import { loadSettings, type Settings } from './config.ts'
import { panelKeyInForce, provideSecrets } from './data-dir.ts'
import { lockFolder } from './db/embedded/lock.ts'
import { runPostferry } from './doors/cli/program.ts'
import { welcome } from './doors/cli/welcome.ts'
import type { Served } from './doors/serve.ts'
import { environment } from './environment.ts'
import { signInRoom } from './imap/ask.ts'
import type { Time } from './policy/ports.ts'
import { derivedKey } from './seal/panel-key.ts'
import { openReady, openService } from './service.ts'

let loaded: Settings | undefined

/** Loaded once, when a command needs them: `--help` works whatever the settings are. */
function settings(): Settings {
  loaded ??= loadSettings(environment())
  return loaded
}

async function openServed(time: Time): Promise<Served> {
  // So that nobody who signs in waits for it.
  const [secrets] = await Promise.all([provideSecrets(settings()), signInRoom()])
  const service = await openService(settings(), time)
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
  becomeOwner: () => becomeOwner(settings()),
  open: () => openReady(settings()),
  openUnready: () => openService(settings()),
  async serve() {
    // The HTTP rooms take half of a command's start: only this one waits for them.
    const { serve } = await import('./doors/serve.ts')
    await serve(settings(), (folder) => lockFolder(folder, 'serve'), openServed)
  },
  async openCopying(options) {
    // Only this one waits for the queue's library.
    const { openCopying } = await import('./copying.ts')
    becomeOwner(settings())
    return await openCopying(settings(), options)
  },
})
