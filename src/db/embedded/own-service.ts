import { readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { postgresBinaries } from './binaries.ts'
import { clusterFolder, ENVIRONMENT, SETTINGS, settingArguments } from './cluster.ts'
import { makeCluster } from './postgres.ts'
import { serverUser } from './server-user.ts'

/** The name of the map from users of this host to the owner of the database. */
const MAP = 'postferry'

/**
 * Makes the cluster of this data directory when there is none, and returns the program that serves it to this user, the
 * members of this user's group, and root. PostgreSQL asks the kernel who connects: nothing lets anybody else in.
 * @param socketFolder where `.s.PGSQL.5432` is made
 */
export async function ownService(
  dataDir: string,
  socketFolder: string,
): Promise<{ program: string; args: string[]; environment: Record<string, string> }> {
  await makeCluster(dataDir)
  const cluster = clusterFolder(dataDir)
  const hbaFile = join(cluster, 'pg_hba.own-service.conf')
  const identFile = join(cluster, 'pg_ident.own-service.conf')
  writeFileSync(hbaFile, `local all postferry peer map=${MAP}\n`, { mode: 0o600 })
  writeFileSync(
    identFile,
    served()
      .map((user) => `${MAP} ${user} postferry\n`)
      .join(''),
    { mode: 0o600 },
  )
  const settings = {
    ...SETTINGS,
    unix_socket_directories: socketFolder,
    unix_socket_permissions: '0770',
    hba_file: hbaFile,
    ident_file: identFile,
  }
  const program = join(await postgresBinaries(serverUser(cluster, dataDir), dataDir), 'bin/postgres')
  return { program, args: [program, '-D', cluster, ...settingArguments(settings)], environment: ENVIRONMENT }
}

function served(): string[] {
  const { username, gid } = userInfo()
  const groups = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const [, , , members = ''] = groups.find(([, , id]) => id === String(gid)) ?? []
  return [...new Set([username, 'root', ...members.split(',').filter(Boolean)])]
}
