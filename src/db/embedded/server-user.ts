import { readFileSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'

/** Who runs PostgreSQL. */
export interface ServerUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  /** Whether that is the user of this process. */
  readonly isSelf: boolean
}

// PostgreSQL refuses to run as root.
const CANDIDATES = ['mailferry', 'postgres', 'nobody']

/** This process's user; for root, the owner of the cluster or the first ordinary user that fits. */
export function serverUser(cluster: string): ServerUser {
  const self = userInfo()
  if (self.uid !== 0) return { name: self.username, uid: self.uid, gid: self.gid, isSelf: true }
  const users = systemUsers()
  const owner = statSync(cluster, { throwIfNoEntry: false })?.uid
  const fit = owner
    ? users.find(({ uid }) => uid === owner)
    : CANDIDATES.map((name) => users.find((user) => user.name === name)).find((user) => user !== undefined)
  if (fit === undefined) {
    throw new Error(`PostgreSQL does not run as root and none of the users ${CANDIDATES.join(', ')} exists: add one`)
  }
  return { ...fit, isSelf: false }
}

function systemUsers(): { name: string; uid: number; gid: number }[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
}
