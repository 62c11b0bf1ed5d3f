import type { Engine } from '../copying/ports.ts'
import { offlineImap } from '../engines/offlineimap/engine.ts'
import type { Settings } from '../settings.ts'

/** What copies mail here. */
export function engineFor(settings: Settings): Engine {
  return offlineImap(settings)
}
