import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Room } from '../../copying/free-space.ts'
import type {
  Engine,
  EngineRun,
  Flipping,
  PassedBody,
  SourceAccess,
  SourceFolders,
  Tunnel,
} from '../../copying/ports.ts'
import type { Credential } from '../../keys/ports.ts'
import type { DestinationMail, DigestCaches } from '../../ledger/ports.ts'
import type { Result } from '../../model/attempt.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { mirrorIn } from '../../model/mirror.ts'
import { CannotKeep, LargeAside } from './aside.ts'
import { mirrorFolders, mirrorMessages } from './both.ts'
import { removeCarried } from './carried.ts'
import { check } from './check.ts'
import { DoveadmError } from './doveadm.ts'
import { ended, failure } from './failure.ts'
import { flagsOf } from './flags.ts'
import { flipping } from './flip.ts'
import { hasRecord, openRecord, removeRecord } from './flipped.ts'
import { inMirrorsOrder, leftOut, listPrefix, type MergeFolder, type Mirrored, matched, unfit } from './folders.ts'
import { listMirror } from './listed.ts'
import { type MergedNow, merge } from './merge.ts'
import { hasBegun, hasMerged, type Merged, openMerged } from './merged.ts'
import { ONE_BY_ONE, type Renewing, removeMirror, renewFolders, renewMirror } from './mirror.ts'
import { noteMirror } from './note-mirror.ts'
import { Passed } from './passed.ts'
import { openPlace, ownerOf, type Place, runsAs } from './place.ts'
import { firstCommands, mailboxesToOpen, sourceFields } from './reaching.ts'
import { asNamed } from './renamed.ts'
import { placesOf } from './roles.ts'
import { openSession, type Session } from './session.ts'
import type { SyncStates } from './sides.ts'
import { withStayed } from './stayed.ts'
import { UnfitStorage } from './storage.ts'
import { installed, usable } from './version.ts'

export interface DoveadmDeps {
  /** Another engine whose sync state and names are this one's, too: a migration may change its engine. */
  readonly shared: SyncStates & Pick<Engine, 'stateFolder' | 'stateSetting' | 'remembers' | 'remember' | 'forget'>
  readonly access: SourceAccess
  readonly destination: DestinationMail
  readonly digests: DigestCaches
  readonly room: Room
  /** The destination's configuration, where mail does not lie as deploy/dovecot has it. */
  readonly dovecotConf: string | null
}

const ROOM_MS = 1_000

/** Mirrors the source beside the mailbox with doveadm, and merges from there what the mailbox never had. */
export function doveadmEngine(deps: DoveadmDeps): Engine & { readonly flipping: Flipping } {
  const { shared } = deps
  return {
    name: 'doveadm',
    flipping: flipping(deps),
    stateFolder: shared.stateFolder,
    stateSetting: shared.stateSetting,
    check,
    // Of what a first attempt had begun, and did not note any more, it remembers that.
    remembers: (id) => shared.remembers(id) || hasBegun(shared.stateFolder, id),
    remember: (id) => shared.remember(id),
    run: async (order, credential, run) => {
      const dovecot = await installed()
      if (dovecot === null) return ended('engine-missing', 'doveadm is missing: apt-get install --yes dovecot-core')
      const { version, kind } = dovecot
      if (kind === null) return ended('engine-missing', `the doveadm of Dovecot ${version} is not known here`)
      using lock = await shared.lock(order.id)
      return lock === null ? ended('locked', AT_IT) : await attempt(order, credential, run, deps)
    },
    directoriesOf: (mailboxes) => shared.directoriesOf(mailboxes),
    async directoriesFor(whose, mailboxes) {
      const { dovecotConf } = deps
      return (await placesOf(whose, mailboxes, { states: shared, dovecotConf })).directories
    },
    sourceUids: (directory) => shared.sourceUids(directory),
    syncState(id, directory, uidValidity) {
      const state = shared.syncState(id, directory, uidValidity)
      if (state === null || !hasMerged(shared.stateFolder, id)) return state
      using merged = openMerged(shared.stateFolder, id)
      return { ...state, keywordsOf: merged.keywords({ directory, uidValidity }) }
    },
    flipped(id, mailbox, uidValidity) {
      if (!hasRecord(shared.stateFolder, id)) return null
      using record = openRecord(shared.stateFolder, id)
      return record.uids(mailbox, uidValidity)
    },
    subscribed(id) {
      if (!hasMerged(shared.stateFolder, id)) return new Set()
      using merged = openMerged(shared.stateFolder, id)
      return merged.subscriptions
    },
    forget: (id, lost) => shared.forget(id, lost),
    async release({ id, home }) {
      try {
        removeRecord(shared.stateFolder, id)
        removeCarried(shared.stateFolder, id)
        await removeMirror(mirrorOf({ home }))
      } catch {
        // It is only a copy; docs/operate.md names its path.
      }
    },
  }
}

function mirrorOf({ home }: Pick<CopyOrder, 'home'>) {
  return { mirrorHome: mirrorIn(home), owner: runsAs(home) }
}

const AT_IT = 'an OfflineIMAP copies this mailbox already'

async function attempt(order: CopyOrder, credential: Credential, run: EngineRun, deps: DoveadmDeps): Promise<Result> {
  using guard = roomGuard(order, deps.room)
  let copied = 0
  const onMessage = () => {
    copied++
    run.onMessage()
  }
  const signal = AbortSignal.any([run.signal, guard.signal])
  let tunnel: Tunnel | undefined
  try {
    const dovecot = await usable(deps.dovecotConf)
    if (order.isMirrored && !dovecot.storage.isPlain) throw new UnfitStorage(NO_FLIP)
    const folders = await deps.access.folders(order.provider, credential, signal)
    using passed = new Passed(deps.digests, order.id)
    const { uid } = ownerOf(order.home)
    const aside = dovecot.storage.isPlain ? new LargeAside(mirrorOf(order), run.signal) : null
    await aside?.recover()
    const onBody = (body: PassedBody) => {
      passed.take(body)
      run.onBrought?.({ mailbox: body.mailbox, bytes: body.size, engine: 'doveadm' })
      if (run.spent?.aborted) tunnel?.stop()
    }
    await using way = await deps.access.tunnel(order.provider, credential, uid, { onBody, ...(aside && { aside }) })
    tunnel = way
    await using place = await openPlace(order, dovecot, sourceFields(way, listPrefix(folders)))
    const { changed = null, spent } = run
    const again = () => deps.access.folders(order.provider, credential, signal)
    const wasLetDown = () => way.hasMisled()
    const copyDeps = { ...deps, passed, aside, signal, onMessage, changed, again, wasLetDown, ...(spent && { spent }) }
    way.askAhead(firstCommands(folders), mailboxesToOpen(folders, openedBy(folders, place, copyDeps)))
    return withStayed(await copy(order, folders, place, copyDeps), folders)
  } catch (error) {
    const result = guard.signal.aborted
      ? ended('new-full', FULL)
      : failure(error, tunnel, error instanceof CannotKeep ? run.signal : endOf(run))
    return { ...result, messages: copied }
  }
}

function endOf({ signal, spent }: EngineRun): AbortSignal {
  return !signal.aborted && spent?.aborted ? spent : signal
}

const NO_FLIP =
  "people are proxied only where mail is a Maildir in the home: a mirror cannot take this mailbox's place (provider set NAME --cutover immediate)"

type CopyDeps = DoveadmDeps &
  Renewing &
  Pick<EngineRun, 'onMessage' | 'changed'> & {
    readonly passed: Passed
    /** Null: doveadm takes all messages itself. */
    readonly aside: LargeAside | null
    /** The source's folders, as they are by now. */
    again(): Promise<SourceFolders>
  }

async function copy(order: CopyOrder, source: SourceFolders, place: Place, deps: CopyDeps): Promise<Result> {
  const { passed } = deps
  if (order.isMirrored) return await copyMirror(order, source, place, deps)
  const isFirst = !existsSync(place.mirrorHome) && !deps.shared.remembers(order.id)
  let early = NOTHING
  let renewed: readonly string[] | null = null
  const mirroring = async () => {
    const renewing = renew(source, place, deps)
    if (isFirst) early = (await mergeEarly(order, source, place, deps, renewing)) ?? NOTHING
    renewed = await renewing
  }
  try {
    await settled(mirroring, deps)
  } catch (error) {
    if (!deps.spent?.aborted || error instanceof CannotKeep) throw error
    passed.keep()
    const { messages } = (await mergeNumbered(order, source, place, deps)) ?? NOTHING
    return { ...ended(deps.spent.reason, ''), messages: early.messages + messages }
  }
  passed.keep()
  const looking = { renewed, isNoted: early.wasEmpty }
  const { folders, missing, messages, told } = await mergeMirror(order, source, place, deps, looking)
  // What is missing fails the ledger, which names it.
  const copied = { folders, messages: early.messages + messages, output: [...told, wordsOf(missing)].join('\n').trim() }
  return { outcome: 'complete', ...copied, ...(missing.length > 0 && { leftOut: missing }) }
}

const NOTHING: MergedNow = { messages: 0, wasEmpty: false }

/** Puts what is large in when nobody is at work in the mirror any more, also after a failure. */
async function settled<T>(work: () => Promise<T>, { aside }: CopyDeps): Promise<T> {
  try {
    return await work()
  } finally {
    await aside?.settle()
  }
}

/** @returns the names of the folders that were renewed, in the mirror; null: all */
async function renew(source: SourceFolders, place: Place, deps: CopyDeps): Promise<readonly string[] | null> {
  const some = changedFolders(source, place, deps)
  try {
    if (some !== null) {
      await renewFolders(place, some, deps.signal)
      return some
    }
  } catch (error) {
    if (!(error instanceof DoveadmError) || deps.signal.aborted) throw error
  }
  await renewMirror(place, leftOut(source), deps)
  return null
}

/** The names of what doveadm opens, as far as one can tell, in its order. */
function openedBy(source: SourceFolders, place: Place, deps: CopyDeps): string[] {
  if (!existsSync(place.mirrorHome)) return inMirrorsOrder(source)
  return changedFolders(source, place, deps) === null ? [] : (deps.changed ?? []).slice(0, 1)
}

/** The folders of the mirror that alone need to be renewed; null: the whole of it is to be looked at. */
function changedFolders(
  { mailboxes }: SourceFolders,
  { mirrorHome }: Place,
  { changed, shared, destination }: CopyDeps,
): string[] | null {
  if (changed == null || changed.length > ONE_BY_ONE) return null
  const directories = shared.directoriesOf(mailboxes.map(({ mailbox }) => mailbox))
  const isMirrored = (name: string) => existsSync(join(mirrorHome, 'Maildir', directories.get(name) ?? '', 'cur'))
  const areAll = mailboxes.every(({ mailbox: { name }, wanted }) => !wanted || isMirrored(name))
  return areAll ? changed.map((name) => destination.titleOf(directories.get(name) ?? '')) : null
}

function wordsOf(missing: readonly string[]): string {
  if (missing.length === 0) return ''
  return `doveadm cannot copy ${missing.join(', ')}: exclude them, or take --engine offlineimap`
}

const MADE_ANEW = 'the mirror was made again from nothing: the INBOX of the old server is another one (UIDVALIDITY)'

/** The mirror alone; it has to be fit for the mailbox's place. */
async function copyMirror(order: CopyOrder, first: SourceFolders, place: Place, deps: CopyDeps): Promise<Result> {
  const { passed, shared: states, destination, signal, again } = deps
  let isNew = false
  const mirror = async (source: SourceFolders): Promise<Result> => {
    isNew = (await settled(() => renewMirror(place, leftOut(source), deps), deps)) || isNew
    passed.keep()
    const listed = await listMirror(place, source, { destination, states, signal })
    const { folders } = listed
    noteMirror(folders, folders, source, { migrationId: order.id, states })
    const flaw = unfit(listed)
    const counted = { folders: folders.length, messages: passed.count }
    if (flaw !== null) return { ...counted, outcome: 'incomplete', output: flaw }
    return { ...counted, outcome: 'complete', output: isNew ? MADE_ANEW : '' }
  }
  return await asNamed(first, again, mirror, ({ outcome }) => outcome === 'complete')
}

/**
 * What is there of a large first mirror, while the rest still comes: nobody sits long before an empty mailbox. Folders
 * whose numbering is not the source's yet wait for the end.
 */
async function mergeEarly(
  order: CopyOrder,
  source: SourceFolders,
  place: Place,
  deps: CopyDeps,
  mirroring: Promise<unknown>,
): Promise<MergedNow | null> {
  const isOver = mirroring.then(
    () => true,
    () => true,
  )
  if (await Promise.race([isOver, deps.passed.many])) return null
  let merged: MergedNow | null = null
  try {
    merged = await mergeNumbered(order, source, place, deps)
  } finally {
    // The mirror changes all the time: its end decides. And what an attempt has started ends before it.
    if (merged === null) await isOver
  }
  return merged
}

/** What there is of a mirror that is not whole. Null: it cannot be read. */
async function mergeNumbered(
  order: CopyOrder,
  source: SourceFolders,
  place: Place,
  deps: CopyDeps,
): Promise<MergedNow | null> {
  const isWanted = ({ mailbox: { name }, uidValidity }: MergeFolder) => deps.passed.uidValidityOf(name) === uidValidity
  try {
    return await mergeMirror(order, source, place, deps, { isWanted })
  } catch (error) {
    if (!(error instanceof DoveadmError)) throw error
    return null
  }
}

interface Looking {
  /** Default: all folders are. */
  isWanted?(folder: MergeFolder): boolean
  /** The names of the folders that were renewed, in the mirror; default: all may have been. */
  readonly renewed?: readonly string[] | null
  readonly isNoted?: boolean
}

async function mergeMirror(
  { id, provider }: CopyOrder,
  source: SourceFolders,
  place: Place,
  { shared: states, destination, digests: caches, aside, signal, onMessage, dovecotConf }: CopyDeps,
  { isWanted = () => true, renewed = null, isNoted = false }: Looking,
) {
  using digests = caches.open(id)
  await using session = await openSession(place, signal)
  const mirror = await readMirror(session, renewed)
  const { titleOf } = destination
  const mailboxes = source.mailboxes.map(({ mailbox }) => mailbox)
  const { own, directories, told } = await placesOf({ migrationId: id, provider }, mailboxes, { states, dovecotConf })
  const { folders: found, missing } = matched(source, mirror, { own, directories, titleOf })
  using merged = openMerged(states.stateFolder, id)
  using left = hasRecord(states.stateFolder, id) ? openRecord(states.stateFolder, id) : null
  merged.addRoles(new Map([...directories].filter(([name, directory]) => own.get(name) !== directory)))
  const isRenewed = ({ from }: MergeFolder) => renewed === null || renewed.includes(from)
  const there = found.map((folder) => (isRenewed(folder) ? folder : asMerged(id, folder, { states, merged })))
  const folders = there.map((folder) => aside?.without(folder) ?? folder)
  const given = { migrationId: id, states, merged, left, destination, digests, isNoted, signal, onMessage }
  const now = await merge(folders.filter(isWanted), source.subscribed, { ...given, place, session })
  return { folders: folders.length, missing, told, ...now }
}

async function readMirror(session: Session, renewed: readonly string[] | null): Promise<Mirrored> {
  const folders = await mirrorFolders(session)
  const names = [...folders.keys()].filter((name) => renewed === null || renewed.includes(name))
  return { folders, messages: await mirrorMessages(session, names) }
}

/** A folder that has not changed since it was merged. */
function asMerged(
  id: string,
  folder: MergeFolder,
  { states, merged }: { states: SyncStates; merged: Merged },
): MergeFolder {
  const { directory, uidValidity } = folder
  const known = states.syncState(id, directory, uidValidity)?.flagsOf ?? new Map<number, string>()
  const keywords = merged.keywords(folder)
  return { ...folder, messages: new Map([...known].map(([uid, all]) => [uid, flagsOf(all, keywords.get(uid) ?? [])])) }
}

const FULL = 'the rest of the disk is kept free'

/** Aborted when what is copied meanwhile would take what is to be kept free. */
function roomGuard({ home }: CopyOrder, room: Room): { signal: AbortSignal } & Disposable {
  const full = new AbortController()
  const timer = setInterval(() => {
    if (leftIn(home, room) < 0) full.abort('stopped')
  }, ROOM_MS)
  return { signal: full.signal, [Symbol.dispose]: () => clearInterval(timer) }
}

/** Where nobody can tell, the disk itself will. */
function leftIn(home: string, room: Room): number {
  try {
    return room.left(home)
  } catch {
    return 0
  }
}
