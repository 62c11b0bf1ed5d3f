import { digestOf } from '../../model/message-digest.ts'
import { NotFlipped } from '../../model/not-flipped.ts'

/** No UIDVALIDITY: here it is no folder, but a name above others at most. */
export const NO_FOLDER = 0

/** A folder of the source as it was left. */
export interface Known {
  readonly uidValidity: number
  /** The UIDVALIDITY of the folder here: another one where it was made here, and no server takes a number from outside. */
  readonly here: number
  readonly uidNext: number
  readonly modseq: string | null
  /** Flags and keywords by UID: `flagsText`. */
  readonly messages: ReadonlyMap<number, string>
}

/** What a folder of the source is about to become. */
export interface Aim {
  readonly here: number
  readonly messages: ReadonlyMap<number, { readonly flags: string; readonly size: number }>
}

/** A folder of the source as it is listed now. */
export interface Listed {
  readonly uidValidity: number
  readonly messages: ReadonlyMap<number, { readonly flags: string; readonly size: number }>
}

/** A folder of the mailbox here. */
export interface Here {
  readonly uidValidity: number
  readonly uidNext: number
  /** Flags and keywords by UID. */
  readonly messages: ReadonlyMap<number, string>
}

/** What stands for a UID that nothing has any more: appended and removed at once. */
export const PLACEHOLDER = Buffer.from('Subject: (removed)\r\nMessage-ID: <removed@postferry.invalid>\r\n\r\n')
export const PLACEHOLDER_DIGEST = digestOf(PLACEHOLDER)

/** System flags and keywords as one text. */
export function flagsText(flags: readonly string[]): string {
  return flags
    .filter((flag) => flag !== '\\Recent')
    .sort()
    .join(' ')
}

/**
 * What is another way at the source than it was left, and was not about to become so; null: nothing.
 * @param aim missing: nothing was being written into it
 */
export function changeAt(known: Known | undefined, now: Listed | undefined, aim: Aim | undefined): string | null {
  if (now === undefined) return known === undefined || aim !== undefined ? null : 'it is gone'
  if (known === undefined && aim === undefined) return 'it is new'
  const isAnother = known !== undefined && known.uidValidity !== now.uidValidity
  // A Courier numbers an INBOX that nobody has used anew whenever it is opened.
  const isUnused = known?.messages.size === 0 && now.messages.size === 0
  if (isAnother && aim === undefined && !isUnused) return 'it was made anew'
  const before = isAnother ? undefined : known?.messages
  const foreign = newsIn(known, now).filter((uid) => {
    const size = aim?.messages.get(uid)?.size ?? (aim && PLACEHOLDER.length)
    return now.messages.get(uid)?.size !== size
  })
  if (foreign.length > 0) return messagesAre(foreign.length, 'new')
  const gone = [...(before ?? [])].filter(([uid]) => !now.messages.has(uid) && (!aim || aim.messages.has(uid)))
  if (gone.length > 0) return messagesAre(gone.length, 'gone')
  const flagged = [...now.messages].filter(([uid, { flags }]) => {
    const was = before?.get(uid)
    return was !== undefined && was !== flags && aim?.messages.get(uid)?.flags !== flags
  })
  return flagged.length > 0 ? messagesAre(flagged.length, 'marked otherwise') : null
}

/** The UIDs of what was not there when the folder was left. */
export function newsIn(known: Known | undefined, { uidValidity, messages: now }: Listed): number[] {
  return [...now.keys()].filter((uid) => known?.uidValidity !== uidValidity || !known.messages.has(uid))
}

/** What is known of a folder that a return has renamed before it was cut off: undefined when it has renamed none to that. */
export function renamedTo(
  name: string,
  {
    known,
    aims,
    listed,
  }: {
    readonly known: ReadonlyMap<string, Known>
    readonly aims: ReadonlyMap<string, Aim>
    readonly listed: ReadonlyMap<string, Listed>
  },
): Known | undefined {
  const [now, aim] = [listed.get(name), aims.get(name)]
  const fits = [...known].filter(([was, { uidValidity, here }]) => {
    const isFormer = aims.has(was) && listed.get(was)?.uidValidity !== uidValidity
    return isFormer && uidValidity === now?.uidValidity && here === aim?.here
  })
  return (fits.find(([, one]) => changeAt(one, now, aim) === null) ?? fits[0])?.[1]
}

/** How many of a folder's messages are what, in words. */
export function messagesAre(number: number, what: string): string {
  return `${number === 1 ? '1 message is' : `${number} messages are`} ${what}`
}

/** What has to be done in a folder of the source. */
export interface FolderPlan {
  readonly name: string
  readonly title: string
  /** In the mailbox here. */
  readonly append: readonly number[]
  /** The UID that the next message gets there, when all is done. */
  readonly uidNext: number
  /** By what they become. */
  readonly flags: ReadonlyMap<string, readonly number[]>
  readonly expunge: readonly number[]
}

export interface Plan {
  readonly renames: readonly { readonly from: string; readonly to: string }[]
  /** Removed and made again, as here. */
  readonly remake: readonly string[]
  readonly creates: readonly string[]
  readonly removes: readonly string[]
  /** What is known of the source's folders, by their names after the renames. */
  readonly known: ReadonlyMap<string, Known>
  readonly folders: readonly FolderPlan[]
  /** The names of all folders there, when all is done, by what people read. */
  readonly names: ReadonlyMap<string, string>
  /** The names that no folder there has any more then. */
  readonly former: readonly string[]
  /** The names above what is made that are only names here: some servers (Cyrus) make folders of them. */
  readonly above: readonly string[]
}

export interface Sides {
  /** The source, by its names. */
  readonly known: ReadonlyMap<string, Known>
  /** The source's names of those, by what people read. */
  readonly names: ReadonlyMap<string, string>
  /** The mailbox here, by what people read. */
  readonly here: ReadonlyMap<string, Here>
  /** What the source would call a new folder. @throws NotFlipped */
  nameOf(title: string): string
}

/** What makes the source the same as the mailbox here. @throws NotFlipped where it cannot */
export function planReturn({ known: before, names: titles, here, nameOf }: Sides): Plan {
  const { names, known, renames } = renamed({ known: before, names: titles, here, nameOf })
  const isParent = (title: string) => [...names.keys()].some((other) => other.startsWith(`${title}/`))
  const creates: string[] = []
  const remake: string[] = []
  const folders: FolderPlan[] = []
  const all = new Map(names)
  for (const [title, folder] of here) {
    const there = names.get(title)
    // A parent that only has a name at the source is a folder here.
    if (there === undefined && folder.uidNext === 1 && isParent(title)) continue
    const name = there ?? nameOf(title)
    all.set(title, name)
    const of = known.get(name)
    const isAnother = of !== undefined && of.here !== folder.uidValidity
    if (isAnother && title === 'INBOX') throw new NotFlipped('INBOX: it was made anew here')
    if (of === undefined) creates.push(name)
    else if (isAnother) remake.push(name)
    const plan = folderPlan(title, name, of === undefined || isAnother ? NOTHING : of, folder)
    if (plan !== null) folders.push(plan)
  }
  const gone = [...names].filter(([title, name]) => !here.has(title) && !isMadeAbove(title, known.get(name), here))
  if (gone.some(([title]) => title === 'INBOX')) throw new NotFlipped('INBOX: it is not here')
  for (const [title] of gone) all.delete(title)
  const removes = gone.map(([, name]) => name).sort((a, b) => b.length - a.length)
  creates.sort((a, b) => a.length - b.length)
  const last = new Set(all.values())
  const former = [...titles.values()].filter((name) => !last.has(name))
  const made = new Set([...creates, ...renames.map(({ to }) => to)])
  const above = [...all].flatMap(([title, name]) => (made.has(name) ? titlesAbove(title) : []))
  const onlyNames = [...new Set(above)].filter((title) => !all.has(title))
  return { renames, remake, creates, removes, known, folders, names: all, former, above: onlyNames.map(nameOf) }
}

/** Whether the source has made that folder by itself, as what is above one that is here. */
function isMadeAbove(title: string, known: Known | undefined, here: ReadonlyMap<string, Here>): boolean {
  if (known?.here !== NO_FOLDER || known.messages.size > 0) return false
  return [...here.keys()].some((other) => other.startsWith(`${title}/`))
}

function titlesAbove(title: string): string[] {
  const levels = title.split('/')
  return levels.slice(1).map((_, at) => levels.slice(0, at + 1).join('/'))
}

const NOTHING: Pick<Known, 'messages' | 'uidNext'> = { messages: new Map(), uidNext: 1 }

function folderPlan(
  title: string,
  name: string,
  { messages: there, uidNext }: Pick<Known, 'messages' | 'uidNext'>,
  { messages: here, uidNext: wanted }: Here,
): FolderPlan | null {
  const expunge = [...there.keys()].filter((uid) => !here.has(uid))
  const append = [...here.keys()].filter((uid) => !there.has(uid)).sort((a, b) => a - b)
  if (append.some((uid) => uid < uidNext)) throw new NotFlipped(`${title}: a number is taken at the old server already`)
  if (uidNext > wanted) throw new NotFlipped(`${title}: the old server has given more numbers than are known here`)
  const flags = new Map<string, number[]>()
  for (const [uid, text] of here) {
    if (there.has(uid) && there.get(uid) !== text) flags.set(text, [...(flags.get(text) ?? []), uid])
  }
  const isSame = expunge.length + append.length + flags.size === 0 && uidNext === wanted
  return isSame ? null : { name, title, append, uidNext: wanted, flags, expunge }
}

/**
 * Which folder of the source has this name by now. Some servers give one UIDVALIDITY to all that are made in one second: then it
 * is the one on the same level, and where that is not clear, none.
 */
function earlierName(
  title: string,
  folder: Here,
  { names, known, here }: Pick<Sides, 'names' | 'known' | 'here'>,
): readonly [string?, string?] {
  const fits = [...names].filter(([other, name]) => {
    return other !== 'INBOX' && !here.has(other) && isLater(folder, known.get(name))
  })
  const depth = (name: string) => name.split('/').length
  const near = fits.length < 2 ? fits : fits.filter(([other]) => depth(other) === depth(title))
  return (near.length === 1 && near[0]) || []
}

/** Whether a folder here can be what has become of one of the source. */
function isLater({ uidValidity, uidNext, messages }: Here, known: Known | undefined): boolean {
  if (known === undefined || known.here !== uidValidity || uidNext < known.uidNext) return false
  return [...messages.keys()].every((uid) => uid >= known.uidNext || known.messages.has(uid))
}

/** Folders that have another name here: known by their UIDVALIDITY. */
function renamed({ known: before, names: titles, here, nameOf }: Sides) {
  const names = new Map(titles)
  const known = new Map(before)
  const renames: { from: string; to: string }[] = []
  const fresh = [...here.keys()].filter((title) => !titles.has(title)).sort((a, b) => a.length - b.length)
  for (const title of fresh) {
    if (names.has(title)) continue
    const [was, from] = earlierName(title, here.get(title) as Here, { names, known, here })
    if (was === undefined || from === undefined) continue
    const to = nameOf(title)
    renames.push({ from, to })
    for (const [other, name] of [...names]) {
      if (other !== was && !other.startsWith(`${was}/`)) continue
      const moved = `${to}${name.slice(from.length)}`
      names.delete(other)
      names.set(`${title}${other.slice(was.length)}`, moved)
      const of = known.get(name)
      known.delete(name)
      if (of !== undefined) known.set(moved, of)
    }
  }
  return { names, known, renames }
}
