import { join } from 'node:path'
import { runEmit } from './cli/commands/emit-offlineimaprc.ts'
import { offlineimaprc } from './engines/offlineimap/config.ts'
import { loadSettings } from './settings.ts'
import { environment } from './settings-file.ts'
import { openReady } from './wiring/service.ts'

const PYTHON_FILE = join(import.meta.dirname, '../deploy/offlineimap/postferry.py')

await runEmit(process.argv.slice(2), async () => {
  const settings = loadSettings(environment())
  const service = await openReady(settings)
  const { offlineimapMetadata: metadata, dataDir, keptFree } = settings
  const place = { pythonFile: PYTHON_FILE, metadata, keptFree: { ...keptFree, folders: [metadata, dataDir] } }
  return { ...service, emit: (work) => offlineimaprc(work, place) }
})
