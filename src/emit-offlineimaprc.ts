import { runEmit } from './cli/commands/emit-offlineimaprc.ts'
import { offlineImap } from './engines/offlineimap/engine.ts'
import { loadSettings } from './settings.ts'
import { environment } from './settings-file.ts'
import { openReady } from './wiring/service.ts'

await runEmit(process.argv.slice(2), async () => {
  const settings = loadSettings(environment())
  const service = await openReady(settings)
  return { ...service, emit: offlineImap(settings).emit }
})
