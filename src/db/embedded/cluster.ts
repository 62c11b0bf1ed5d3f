import { spawn, spawnSync } from 'node:child_process'
import {
  chownSync,
  closeSync,
  existsSync,
  lchownSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { openOwned } from '../../files/owned-file.ts'
import { postgresBinaries } from './binaries.ts'
import { type ServerUser, serverUser } from './server-user.ts'

// PostgreSQL finds its cluster as an inherited open folder, so that neither the modes of the folders above it nor the
// length limit of socket names matter.
const INHERITED = 3
const INHERITED_PATH = `/proc/self/fd/${INHERITED}`
export const SETTINGS = {
  listen_addresses: '',
  unix_socket_directories: INHERITED_PATH,
  unix_socket_permissions: '0700',
  max_connections: '60',
  shared_buffers: '64MB',
  log_checkpoints: 'off',
  // Statements that fail are not logged: they could carry what a person typed.
  log_min_error_statement: 'panic',
}
// Nothing of this process's environment reaches PostgreSQL: it may hold tokens.
export const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C' }

/** The folder of the cluster inside of the data directory. */
export function clusterFolder(dataDir: string): string {
  return join(dataDir, 'postgres')
}

export function clusterLog(dataDir: string): string {
  return join(dataDir, 'postgres.log')
}

/** Makes the cluster when there is none. Only one process at a time may call this. */
export async function createCluster(dataDir: string): Promise<void> {
  const cluster = clusterFolder(dataDir)
  if (existsSync(cluster)) return
  const user = serverUser(cluster, dataDir)
  const binaries = await postgresBinaries(user, dataDir)
  const unfinished = `${cluster}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { mode: 0o700 })
  try {
    // A service may be forbidden to change owners at all.
    if (!user.isSelf) chownSync(unfinished, user.uid, user.gid)
    initialise(binaries, unfinished, user)
    renameSync(unfinished, cluster)
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true })
    throw error
  }
}

/** Starts the server of an existing cluster; `exit` resolves when it ends. */
export async function launchServer(
  dataDir: string,
  options: Readonly<Record<string, string>>,
): Promise<{ exit: Promise<void> }> {
  const cluster = clusterFolder(dataDir)
  const user = serverUser(cluster, dataDir)
  const binaries = await postgresBinaries(user, dataDir)
  handOver(cluster, user)
  const folder = openSync(cluster, 'r')
  const log = openOwned(clusterLog(dataDir))
  const server = spawn(
    join(binaries, 'bin/postgres'),
    ['-D', INHERITED_PATH, ...settingArguments({ ...SETTINGS, ...options })],
    {
      stdio: ['ignore', log, log, folder],
      cwd: '/',
      env: ENVIRONMENT,
      // A session of its own: Ctrl-C ends postferry first, which then ends the server.
      detached: true,
      ...identity(user),
    },
  )
  server.unref()
  closeSync(log)
  closeSync(folder)
  return {
    exit: new Promise((resolve) => {
      server.once('exit', () => resolve())
      server.once('error', () => resolve())
    }),
  }
}

/** Settings as PostgreSQL takes them on its command line. */
export function settingArguments(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** Gives a cluster that belonged to root, or to nobody, to whom it runs as. */
function handOver(cluster: string, { uid, gid, isSelf }: ServerUser): void {
  if (isSelf || statSync(cluster).uid === uid) return
  const inside = readdirSync(cluster, { recursive: true, encoding: 'utf8' }).map((path) => join(cluster, path))
  for (const path of [...inside, cluster]) lchownSync(path, uid, gid)
}

/** The process id of the running server, from its lock file. */
export function serverPid(dataDir: string): number {
  return Number.parseInt(readFileSync(join(clusterFolder(dataDir), 'postmaster.pid'), 'utf8'), 10)
}

/**
 * Nobody can be the superuser over a connection: all that postferry does, it does as the owner of its own database,
 * whom PostgreSQL lets run no program and read no file.
 */
function initialise(binaries: string, folder: string, user: ServerUser): void {
  run(join(binaries, 'bin/initdb'), folder, user, [
    ...['-D', INHERITED_PATH, '--username=postgres', '--auth=trust', '--encoding=UTF8'],
    ...['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions'],
  ])
  const made = 'create role postferry login\ncreate database postferry owner postferry\n'
  const said = run(join(binaries, 'bin/postgres'), folder, user, ['--single', '-D', INHERITED_PATH, 'postgres'], made)
  if (/^.*(ERROR|FATAL|PANIC):.*/m.test(said)) throw new Error(`the database postferry cannot be made: ${said.trim()}`)
  writeFileSync(join(folder, 'pg_hba.conf'), 'local all postferry trust\n')
}

/** Returns what it said on standard error. @throws when it fails */
function run(program: string, folder: string, user: ServerUser, args: readonly string[], input = ''): string {
  const fd = openSync(folder, 'r')
  const done = spawnSync(program, args, {
    ...{ stdio: ['pipe', 'ignore', 'pipe', fd], cwd: '/', env: ENVIRONMENT, encoding: 'utf8', input },
    ...identity(user),
  })
  closeSync(fd)
  if (done.status === 0) return done.stderr
  throw new Error(`${basename(program)} failed: ${done.error?.message ?? done.stderr.trim()}`)
}

function identity({ uid, gid, isSelf }: ServerUser): { uid?: number; gid?: number } {
  return isSelf ? {} : { uid, gid }
}
