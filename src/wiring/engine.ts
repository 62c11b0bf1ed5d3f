import type { Engines } from '../copying/ports.ts'
import { intoMaildir, takingTurns } from '../engines/doveadm/auto.ts'
import { withBeside } from '../engines/doveadm/beside.ts'
import { doveadmEngine } from '../engines/doveadm/engine.ts'
import { preferred } from '../engines/doveadm/preferred.ts'
import { offlineImap } from '../engines/offlineimap/engine.ts'
import { letGo } from '../imap/read/kept.ts'
import { sourceFolders, sourceListing, sourceSurvey } from '../imap/read/listing.ts'
import { sourceFilters } from '../imap/sieve/filters.ts'
import { openTunnel } from '../imap/tunnel/tunnel.ts'
import { openWriter } from '../imap/write/writer.ts'
import { digestCaches } from '../ledger/digest-cache.ts'
import { roomBeside } from '../maildir/free-space.ts'
import { destinationMail, titleOfDirectory } from '../maildir/listing.ts'
import type { Settings } from '../settings.ts'

/** What copies mail here. */
export function enginesFor(settings: Settings): Engines {
  const offlineimap = offlineImap(settings)
  const { stateFolder } = offlineimap
  const access = {
    folders: sourceFolders,
    survey: sourceSurvey,
    list: sourceListing,
    filters: sourceFilters,
    tunnel: openTunnel,
    writer: openWriter,
  }
  const doveadm = doveadmEngine({
    shared: offlineimap,
    access,
    destination: destinationMail,
    digests: digestCaches(stateFolder),
    room: roomBeside(settings.keptFree, [stateFolder, settings.dataDir]),
    dovecotConf: settings.dovecotConf,
  })
  const { dovecotConf } = settings
  const beside = withBeside(offlineimap, { engine: offlineimap, access, titleOf: titleOfDirectory })
  const alone: typeof beside = async (order, credential, how) => {
    await letGo(order.provider, credential)
    return await beside(order, credential, how)
  }
  const run = intoMaildir({ run: alone }, { dovecotConf, stateFolder })
  const engines = { offlineimap: { ...offlineimap, run }, doveadm }
  const auto = takingTurns(engines, dovecotConf)
  return {
    ...offlineimap,
    all: Object.values(engines),
    // Only doveadm makes mirrors, whatever the provider is set to by now.
    run: (order, credential, run) => {
      const { engine } = order.provider
      return (order.isMirrored ? doveadm : engine === 'auto' ? auto : engines[engine]).run(order, credential, run)
    },
    byDefault: () => preferred(dovecotConf),
    async choose(order) {
      const { engine } = order.provider
      if (order.isMirrored) return 'doveadm'
      return engine === 'auto' ? (await preferred(dovecotConf, order)).engine : engine
    },
    ...doveadm.flipping,
    // A migration may have changed its engine.
    remembers: (id) => doveadm.remembers(id),
    ...(doveadm.directoriesFor && { directoriesFor: doveadm.directoriesFor }),
    syncState: (...which) => doveadm.syncState(...which),
    flipped: (...which) => doveadm.flipped(...which),
    subscribed: (id) => doveadm.subscribed(id),
    release: (order) => doveadm.release(order),
  }
}
