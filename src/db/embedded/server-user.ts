import { spawnSync } from 'node:child_process'
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

const OWN = 'postferry'
/** Whatever has no user of its own runs as this one, and could reach into what belongs to it. */
const NOBODY = 65_534
const ADD_OWN = ['useradd', '--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', OWN]
const TRIES = 20
const RETRY_MS = 200

/**
 * This process's user; for root, whom PostgreSQL refuses, the owner of the cluster or of the data directory, or else a
 * user of postferry's own, which is made when it is missing.
 */
export function serverUser(cluster: string, dataDir: string): ServerUser {
  const self = userInfo()
  if (self.uid !== 0) return { name: self.username, uid: self.uid, gid: self.gid, isSelf: true }
  const users = systemUsers()
  const owners = [cluster, dataDir].map((path) => statSync(path, { throwIfNoEntry: false }))
  const owner = owners.find((stats) => stats !== undefined && stats.uid !== 0 && stats.uid !== NOBODY)
  if (owner === undefined) return { ...(users.find(({ name }) => name === OWN) ?? madeUser()), isSelf: false }
  // Whom a directory service knows does not stand in the file.
  const { uid, gid } = owner
  return { ...(users.find((user) => user.uid === uid) ?? { name: String(uid), uid, gid }), isSelf: false }
}

/** @throws with the line that makes it */
function madeUser(): Omit<ServerUser, 'isSelf'> {
  const [command = '', ...args] = ADD_OWN
  process.stderr.write(`postferry: PostgreSQL does not run as root: ${ADD_OWN.join(' ')}\n`)
  for (let tries = 0; tries < TRIES; tries++) {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
    spawnSync(command, args, { env, stdio: 'ignore' })
    const made = systemUsers().find(({ name }) => name === OWN)
    if (made !== undefined) return made
    // Somebody else is changing the users at this moment, perhaps in the same way.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
  }
  throw new Error(`PostgreSQL does not run as root, and there is no user ${OWN}: make it (${ADD_OWN.join(' ')})`)
}

function systemUsers(): { name: string; uid: number; gid: number }[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
}
