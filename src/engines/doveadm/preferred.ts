import type { Chosen } from '../../copying/ports.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { ownerOf } from './place.ts'
import { installed, KINDS } from './version.ts'

/** What copies on this host where a provider leaves the choice; for one person, where one is named. */
export async function preferred(order?: Pick<CopyOrder, 'home'>): Promise<Chosen> {
  const found = await installed()
  const flaw = found === null ? MISSING : found.kind === null ? unknown(found.version) : flawOf(order)
  if (found !== null && flaw === null) return { engine: 'doveadm', why: `Dovecot ${found.version} is here` }
  return { engine: 'offlineimap', why: flaw ?? MISSING }
}

const MISSING = 'doveadm is missing: apt-get install --yes dovecot-core'

function unknown(version: string): string {
  return `Dovecot ${version} is not known here: take a ${KINDS.join(' or ')}`
}

function flawOf(order: Pick<CopyOrder, 'home'> | undefined): string | null {
  if (order === undefined || ownerOf(order.home).uid !== 0) return null
  return `${order.home} belongs to root, and Dovecot serves no mail of root's`
}
