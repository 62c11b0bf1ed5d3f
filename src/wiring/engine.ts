import type { Engines } from '../copying/ports.ts'
import { doveadmEngine } from '../engines/doveadm/engine.ts'
import { offlineImap } from '../engines/offlineimap/engine.ts'
import { sourceFolders } from '../imap/read/listing.ts'
import { openTunnel } from '../imap/tunnel/tunnel.ts'
import { digestCaches } from '../ledger/digest-cache.ts'
import { roomBeside } from '../maildir/free-space.ts'
import { destinationMail } from '../maildir/listing.ts'
import type { Settings } from '../settings.ts'

/** What copies mail here. */
export function enginesFor(settings: Settings): Engines {
  const offlineimap = offlineImap(settings)
  const { stateFolder } = offlineimap
  const doveadm = doveadmEngine({
    shared: offlineimap,
    access: { folders: sourceFolders, tunnel: openTunnel },
    destination: destinationMail,
    digests: digestCaches(stateFolder),
    room: roomBeside(settings.keptFree, [stateFolder, settings.dataDir]),
  })
  const engines = { offlineimap, doveadm }
  return {
    ...offlineimap,
    all: Object.values(engines),
    run: (order, credential, run) => engines[order.provider.engine].run(order, credential, run),
    // A migration may have changed its engine.
    remembers: (id) => doveadm.remembers(id),
    release: (order) => doveadm.release(order),
  }
}
