import type { Chosen } from '../../copying/ports.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { errorText } from '../../model/redact.ts'
import { ownerOf } from './place.ts'
import { storageIn } from './storage.ts'
import { installed, KINDS } from './version.ts'

/**
 * What copies on this host where a provider leaves the choice.
 * @param order the person that it is about; missing: nobody yet
 */
export async function preferred(dovecotConf: string | null, order?: Pick<CopyOrder, 'home'>): Promise<Chosen> {
  const { version, kind } = (await installed()) ?? { version: null, kind: null }
  if (version === null) return { engine: 'offlineimap', why: MISSING }
  if (kind === null) {
    return { engine: 'offlineimap', why: `Dovecot ${version} is not known here: take a ${KINDS.join(' or ')}` }
  }
  try {
    const { isPlain } = await storageIn(dovecotConf, { version, kind })
    if (order === undefined || !isPlain || ownerOf(order.home).uid !== 0) {
      return { engine: 'doveadm', why: `Dovecot ${version} is here` }
    }
  } catch (error) {
    // OfflineIMAP cannot copy there either: doveadm says so.
    return { engine: 'doveadm', why: errorText(error), isUnfit: true }
  }
  return { engine: 'offlineimap', why: `${order.home} belongs to root, and Dovecot serves no mail of root's` }
}

const MISSING = 'doveadm is missing: apt-get install --yes dovecot-core'

/** Why OfflineIMAP cannot copy here, whoever asks for it; null: it can. */
export async function onlyDoveadm(dovecotConf: string | null): Promise<string | null> {
  if (dovecotConf === null) return null
  const { version = '', kind = null } = (await installed()) ?? {}
  const isPlain = kind !== null && (await storageIn(dovecotConf, { version, kind }).catch(() => null))?.isPlain
  if (isPlain) return null
  return 'OfflineIMAP copies into a Maildir in the home only: take --engine doveadm or auto, and dovecot-core on the copying host'
}
