import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { CopyOrder } from '../../model/migration.ts'
import { MIRROR, mirrorIn } from '../../model/mirror.ts'
import { configurations, MIRROR_PREFIX } from './configuration.ts'
import { plainStorage, type Storage } from './storage.ts'
import { type Fields, serveUserdb, USER } from './userdb.ts'
import type { Dovecot } from './version.ts'

/** How the names of the folders begin that hold the sockets and configurations of attempts, in the one for such. */
export const PLACE = 'postferry-doveadm-'
export const SOCKET = 'userdb'

/** Where one attempt's doveadm works. */
export interface Place extends AsyncDisposable {
  /** Path of the mirror's configuration. */
  readonly configuration: string
  /** Of the mailbox in use. */
  readonly liveConfiguration: string
  /** The same, with the mirror beside it. */
  readonly bothConfiguration: string
  readonly isPlain: boolean
  /** The mirror's INBOX, where the mirror is beside the mailbox in use. */
  readonly mirrorInbox: string
  /** Whom it runs as; null: this process's own user. */
  readonly owner: Owner | null
  /** The users that it knows. */
  readonly live: string
  readonly mirror: string
  /** What lay in the mailbox's place before a flip; its home may be given. */
  readonly before: string
  readonly home: string
  /** The home of the mirror. */
  readonly mirrorHome: string
}

interface Owner {
  readonly uid: number
  readonly gid: number
}

/** Mail that belongs to root: Dovecot serves nobody as root. */
export class RootsMail extends Error {}

/**
 * @param source how the mirror's user reaches the source
 * @param beforeHome where something lies that was in the mailbox's place before
 */
export async function openPlace(
  { id, home, address }: Pick<CopyOrder, 'id' | 'home' | 'address'>,
  { kind, storage = plainStorage(kind) }: Dovecot & { readonly storage?: Storage },
  source: Fields,
  beforeHome: string | null = null,
): Promise<Place> {
  const owner = ownerOf(home)
  if (owner.uid === 0) throw new RootsMail(`${home} belongs to root, and Dovecot serves no mail of root's`)
  await using opened = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), PLACE))
  opened.defer(() => rmSync(folder, { recursive: true, force: true }))
  const live = `m-${id}`
  const mirror = `${live}-mirror`
  const before = `${live}-before`
  const mirrorHome = mirrorIn(home)
  const texts = configurations(kind, folder, MIRROR, storage)
  const files = {
    configuration: join(folder, 'dovecot.conf'),
    liveConfiguration: join(folder, 'live.conf'),
    bothConfiguration: join(folder, 'both.conf'),
  }
  writeFileSync(files.configuration, texts.mirror, { mode: 0o600 })
  writeFileSync(files.liveConfiguration, texts.live, { mode: 0o600 })
  writeFileSync(files.bothConfiguration, texts.both, { mode: 0o600 })
  const users = new Map<string, Fields>([
    // Where mail lies may depend on the address.
    [live, { ...owner, home, ...(address !== undefined && { [USER]: address }) }],
    [mirror, { ...owner, home: mirrorHome, ...source }],
  ])
  if (beforeHome !== null) users.set(before, { ...owner, home: beforeHome })
  opened.use(await serveUserdb(join(folder, SOCKET), users))
  const isRoot = process.geteuid?.() === 0
  if (isRoot) letIn(owner, folder, [...Object.values(files), join(folder, SOCKET)])
  const held = opened.move()
  return {
    ...{ ...files, isPlain: storage.isPlain, mirrorInbox: mirrorInboxOf(storage), owner: isRoot ? owner : null },
    ...{ live, mirror, before, home, mirrorHome },
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  }
}

function mirrorInboxOf({ inbox }: Storage): string {
  return inbox === '' ? MIRROR_PREFIX.slice(0, -1) : `${MIRROR_PREFIX}${inbox}`
}

/** The folder stays root's: its owner could put a link in the place of what root is about to give away, or to remove. */
function letIn({ uid, gid }: Owner, folder: string, files: readonly string[]): void {
  for (const path of files) chownSync(path, uid, gid)
  chmodSync(folder, 0o711)
}

/** Of a home that is not there yet: who owns the folder that it will be in. Who is not root makes it their own. */
export function ownerOf(home: string): Owner {
  const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 }
  if (own.uid !== 0) return own
  const { uid, gid } = statSync(existing(home))
  return { uid, gid }
}

/** As whom the mail of a home is worked on; null: as this process's own user. */
export function runsAs(home: string): Owner | null {
  return process.geteuid?.() === 0 ? ownerOf(home) : null
}

function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path))
}
