import { join } from 'node:path'
import { loadSettings } from './config.ts'
import { runEmit } from './doors/emit.ts'
import { offlineimaprc } from './emit/offlineimap.ts'
import { environment } from './environment.ts'
import { openReady } from './service.ts'

const PYTHON_FILE = join(import.meta.dirname, '../deploy/offlineimap/postferry.py')

await runEmit(process.argv.slice(2), async () => {
  const settings = loadSettings(environment())
  const service = await openReady(settings)
  const { offlineimapMetadata: metadata, dataDir, keptFree } = settings
  const place = { pythonFile: PYTHON_FILE, metadata, keptFree: { ...keptFree, folders: [metadata, dataDir] } }
  return { ...service, emit: (work) => offlineimaprc(work, place) }
})
