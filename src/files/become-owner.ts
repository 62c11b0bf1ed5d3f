import { existsSync, lstatSync, readFileSync, statSync } from 'node:fs'
import type { Settings } from '../settings.ts'

/**
 * Root, which could leave files that nobody else can use, becomes the owner of the sync state for the rest of this
 * process. Where that is root itself, everything stays as it is.
 */
export function becomeOwner(settings: Settings): void {
  const owner = ownerOf(settings)
  if (process.getuid?.() !== 0 || owner === null || owner.uid === 0) return
  const { uid, gid } = owner
  const { name, home } = userWith(uid)
  process.setgroups?.([gid, ...groupsOf(name)])
  process.setgid?.(gid)
  process.setuid?.(uid)
  process.env.HOME = home
}

/** Who owns the sync state, or the data directory while there is none; null: there is neither. */
export function ownerOf({ offlineimapMetadata, dataDir }: Settings): { uid: number; gid: number } | null {
  const folder = [offlineimapMetadata, dataDir].find((path) => existsSync(path))
  if (folder === undefined) return null
  // Somebody's own link may lead to what is root's.
  const link = lstatSync(folder)
  const { uid, gid } = link.uid === 0 ? statSync(folder) : link
  return { uid, gid }
}

/** A user may have no name. */
export function userWith(uid: number): { name: string | undefined; home: string } {
  const [name, , , , , home = '/'] = entries('/etc/passwd').find(([, , id]) => id === String(uid)) ?? []
  return { name, home }
}

function groupsOf(name: string | undefined): number[] {
  const theirs = entries('/etc/group').filter(([, , , members = '']) => members.split(',').includes(name ?? ''))
  return name === undefined ? [] : theirs.map(([, , gid]) => Number(gid))
}

function entries(file: string): string[][] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
}
