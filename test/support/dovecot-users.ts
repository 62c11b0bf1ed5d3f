import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { type Debian, OWN } from './debian.ts'

/** Whom a Dovecot of the tests runs as. */
export interface Users {
  /** Owner of the mail. Dovecot never serves root's. */
  mail: { uid: number; gid: number; name: string }
  /** Reads the password files. */
  auth: { uid: number; gid: number; name: string }
  /** The settings that say so. */
  settings: string
}

/** Root uses Debian's users for Dovecot and nobody's mail; an ordinary user is everything itself. */
export async function users({ root, dovecot }: Debian = OWN): Promise<Users> {
  if (process.getuid?.() === 0) {
    return { mail: await named('nobody', root), auth: await named('dovecot', root), settings: '' }
  }
  const { uid, gid, username } = userInfo()
  const group = execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim()
  return {
    mail: { uid, gid, name: username },
    auth: { uid, gid, name: username },
    settings: ordinary(username, group, dovecot),
  }
}

/** Only root can change root directory, user or group. */
function ordinary(user: string, group: string, version: Debian['dovecot']): string {
  // What tells who is connected through here; 2.4 has no such service.
  const ipc = version === '2.3' ? 'service ipc {\n  chroot =\n}' : ''
  return `
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
first_valid_uid = 1
service anvil {
  chroot =
}
service imap-login {
  chroot =
}
${ipc}`
}

/** @throws with what makes it */
export async function named(name: string, root = ''): Promise<{ uid: number; gid: number; name: string }> {
  const line = (await readFile(`${root}/etc/passwd`, 'utf8')).split('\n').find((entry) => entry.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  if (!uid || !gid) throw new Error(`there is no user ${name}: sh test/support/install-servers.sh`)
  return { uid: Number(uid), gid: Number(gid), name }
}
