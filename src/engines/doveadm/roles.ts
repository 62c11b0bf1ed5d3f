import { createHash } from 'node:crypto'
import { readDovecot } from '../../files/doveconf.ts'
import type { Whose } from '../../ledger/ports.ts'
import { encodeName, type Mailbox, titleOf } from '../../model/mailbox.ts'
import { ROLES, type Role, roleOfAttribute, roleOfName, USUAL } from '../../model/roles.ts'
import { notedRoles } from './merged.ts'
import type { SyncStates } from './sides.ts'

type RoleFolders = Readonly<Record<Role, string>>

/** What the destination calls its folders of each role: by its configuration, else as usual. */
async function roleFoldersIn(file: string | null): Promise<RoleFolders> {
  if (file === null) return USUAL
  const dovecot = await readDovecot(file)
  const inbox = dovecot?.all.blocks.find(
    ({ kind, settings }) => kind === 'namespace' && settings.get('inbox') === 'yes',
  )
  const found = (inbox?.blocks ?? []).flatMap(({ kind, name, settings }) => {
    const [first = ''] = (settings.get('special_use') ?? '').split(' ')
    const role = kind === 'mailbox' ? roleOfAttribute(first.replace(/^\\+/, '\\')) : null
    return role === null ? [] : [[role, name] as const]
  })
  // Of several the first is the one that mail programs take.
  return { ...USUAL, ...Object.fromEntries(found.reverse()) }
}

export interface ByRole {
  /** By the source's name. */
  readonly directories: ReadonlyMap<string, string>
  /** What could not become one, in sentences. */
  readonly told: readonly string[]
}

interface Given {
  readonly folders: RoleFolders
  directoriesOf(mailboxes: readonly Mailbox[]): ReadonlyMap<string, string>
  /** Whether something was copied into a directory already: it keeps its name. */
  isKept(directory: string): boolean
  /** Where folders have gone by their roles before, by the source's name: they stay there. */
  readonly noted: ReadonlyMap<string, string>
}

/**
 * The directories of the source's folders, of which those with a role become the destination's folder of that role, with
 * all that is below them. Where the source has that folder, too, both stay.
 */
export function byRole(all: readonly Mailbox[], { folders, directoriesOf, isKept, noted }: Given): ByRole {
  const directories = new Map(directoriesOf(all))
  const told = stayWhereTheyAre(all, directories, noted)
  for (const role of ROLES) {
    const mailboxes = all.filter(({ name }) => directories.get(name) !== '')
    const [mailbox, ...more] = mailboxesOf(role, mailboxes)
    const to = directoryNamed(folders[role], directoriesOf)
    if (mailbox === undefined || [mailbox, ...more].some(({ name }) => noted.has(name))) continue
    const from = directories.get(mailbox.name) ?? ''
    if (more.length > 0) {
      const names = [mailbox, ...more].map(titleOf).sort().join(' and ')
      told.push(`${names} keep their names: the old server has ${more.length + 1} folders for that`)
      continue
    }
    if (from === to || isKept(from)) continue
    const moved = movedBelow(directories, from, to)
    const others = new Set([...directories].filter(([name]) => !moved.has(name)).map(([, directory]) => directory))
    if ([...moved].some(([, directory]) => others.has(directory) || Buffer.byteLength(directory) > LONGEST)) {
      told.push(`${titleOf(mailbox)} stays beside ${folders[role]}: the old server has both`)
      continue
    }
    for (const [name, directory] of moved) directories.set(name, directory)
  }
  return { directories, told }
}

const LONGEST = 255

/** A directory and all below it, elsewhere. */
function movedBelow(directories: ReadonlyMap<string, string>, from: string, to: string): Map<string, string> {
  const below = [...directories].filter(([, directory]) => directory === from || directory.startsWith(`${from}.`))
  return new Map(below.map(([name, directory]) => [name, `${to}${directory.slice(from.length)}`]))
}

/** Of this mailbox alone; as OfflineIMAP's names have it. */
function markOf({ name }: Mailbox): string {
  return ` (${createHash('sha256').update(name).digest('hex').slice(0, 8)})`
}

/** Puts folders where they have gone before, and one that has come since and would be there elsewhere. @returns who that is */
function stayWhereTheyAre(
  all: readonly Mailbox[],
  directories: Map<string, string>,
  noted: ReadonlyMap<string, string>,
): string[] {
  const own = new Map(directories)
  const stay = [...noted].filter(([name]) => own.has(name))
  for (const [name, to] of stay) {
    for (const [below, directory] of movedBelow(own, own.get(name) ?? '', to)) directories.set(below, directory)
  }
  const taken = new Set(
    [...directories].filter(([name, directory]) => own.get(name) !== directory).map(([, one]) => one),
  )
  return all
    .filter(({ name }) => own.get(name) === directories.get(name) && taken.has(own.get(name) ?? ''))
    .map((mailbox) => {
      directories.set(mailbox.name, `${own.get(mailbox.name)}${markOf(mailbox)}`)
      return `${titleOf(mailbox)} has another name here: the folder that was copied into its place stays there`
    })
}

/** What the server marks counts before names. */
function mailboxesOf(role: Role, mailboxes: readonly Mailbox[]): readonly Mailbox[] {
  const marked = mailboxes.filter((mailbox) => mailbox.role === role)
  if (marked.length > 0) return marked
  return mailboxes.filter((mailbox) => mailbox.role === undefined && roleOfName(mailbox) === role)
}

function directoryNamed(title: string, directoriesOf: Given['directoriesOf']): string {
  const name = encodeName(title)
  return directoriesOf([{ name, separator: '/', prefix: '' }]).get(name) ?? ''
}

interface PlacesDeps {
  readonly states: Pick<SyncStates, 'directoriesOf' | 'isCopied'> & { readonly stateFolder: string }
  readonly dovecotConf: string | null
}

/** Where a person's folders go, and where they would by their own names. */
export async function placesOf(
  { migrationId, provider, isMirrored }: Whose,
  mailboxes: readonly Mailbox[],
  { states, dovecotConf }: PlacesDeps,
): Promise<ByRole & { readonly own: ReadonlyMap<string, string> }> {
  const own = states.directoriesOf(mailboxes)
  // A mirror keeps names: it becomes the mailbox as it is.
  if (provider.roles === 'keep' || isMirrored) return { own, directories: own, told: [] }
  const found = byRole(mailboxes, {
    folders: await roleFoldersIn(dovecotConf),
    directoriesOf: (all) => states.directoriesOf(all),
    isKept: (directory) => states.isCopied(migrationId, directory),
    noted: notedRoles(states.stateFolder, migrationId),
  })
  return { own, ...found }
}
