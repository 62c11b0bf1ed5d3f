import { chownSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { WrittenMessage } from '../../../src/copying/ports.ts'
import { doveadm } from '../../../src/engines/doveadm/doveadm.ts'
import type { DoveadmDeps } from '../../../src/engines/doveadm/engine.ts'
import { openRecord } from '../../../src/engines/doveadm/flipped.ts'
import { type Snapshot, snapshot } from '../../../src/engines/doveadm/here.ts'
import { leave } from '../../../src/engines/doveadm/leave.ts'
import { openPlace } from '../../../src/engines/doveadm/place.ts'
import { openReturn } from '../../../src/engines/doveadm/return.ts'
import { PLACEHOLDER } from '../../../src/engines/doveadm/return-plan.ts'
import { usable } from '../../../src/engines/doveadm/version.ts'
import { directoriesOf } from '../../../src/engines/offlineimap/names.ts'
import type { Credential } from '../../../src/keys/ports.ts'
import { destinationMail } from '../../../src/maildir/listing.ts'
import { digestOf } from '../../../src/model/message-digest.ts'
import type { CopyOrder } from '../../../src/model/migration.ts'
import { NotFlipped, SourceRefuses } from '../../../src/model/not-flipped.ts'

// The mailbox here is a real Dovecot's. What happens at the old server between two commands of a return, no real one can be made to
// do.

const NOBODY = 65_534
const SIGNAL = new AbortController().signal
const bodyOf = (name: string) =>
  Buffer.from(`Subject: ${name}\r\nMessage-ID: <${name}@here>\r\n\r\nthis is ${name}\r\n`)

interface Stored {
  readonly uid: number
  readonly body: Buffer
  readonly date: number
}

interface Folder {
  uidNext: number
  modseq: number
  messages: Stored[]
}

/** An old server in memory. */
class OldServer {
  readonly folders = new Map<string, Folder>()
  readonly uidValidity: number
  /** In the place of an APPEND, which it may carry out. */
  onAppend: (folder: Folder, message: WrittenMessage) => number = (folder, { body, date }) => put(folder, body, date)

  onExpunge: () => void = () => undefined
  /** As a Cyrus does it: what is above a folder is one, too. */
  isMakingParents = false

  constructor(uidValidity: number) {
    this.uidValidity = uidValidity
  }

  get inbox(): Folder {
    return this.folders.get('INBOX') as Folder
  }

  shown(): string[] {
    return [...this.folders].flatMap(([name, { messages }]) => messages.map(({ uid, body }) => line(name, uid, body)))
  }

  statuses() {
    return [...this.folders].map(([name, { uidNext, modseq, messages }]) => ({
      ...{ name, uidNext, messages: messages.length },
      ...{ uidValidity: `${this.uidValidity}`, highestModseq: `${modseq}` },
    }))
  }

  access() {
    const { folders, uidValidity } = this
    const listed = (name: string) => {
      const messages = folders.get(name)?.messages ?? []
      const all = messages.map(({ uid, body, date }) => ({ uid, size: body.length, date, flags: '', keywords: [] }))
      return { uidValidity, unlisted: [], messages: all }
    }
    return {
      folders: async () => ({
        ...{ subscribed: new Set(), foreign: [] },
        mailboxes: [...folders.keys()].map((name) => ({ mailbox: { name, separator: '/', prefix: '' }, wanted: true })),
      }),
      list: async (_: unknown, __: unknown, mailboxes: readonly { name: string }[]) =>
        new Map(mailboxes.map(({ name }) => [name, listed(name)])),
      writer: async () => this.#writer(),
    }
  }

  #create(name: string): void {
    const parent = name.split('/').slice(0, -1).join('/')
    if (this.isMakingParents && parent !== '' && !this.folders.has(parent)) this.#create(parent)
    this.folders.set(name, { uidNext: 1, modseq: 1, messages: [] })
  }

  #writer() {
    const { folders, uidValidity } = this
    let open = this.inbox
    return {
      mostBytes: 1_000,
      open: async (name: string) => {
        open = folders.get(name) as Folder
        return { uidValidity, uidNext: open.uidNext }
      },
      create: async (name: string) => this.#create(name),
      remove: async (name: string) => void folders.delete(name),
      append: async (name: string, message: WrittenMessage) => this.onAppend(folders.get(name) as Folder, message),
      subscribe: async () => undefined,
      setFlags: async () => undefined,
      expunge: async (uids: readonly number[]) => {
        this.onExpunge()
        open.messages = open.messages.filter(({ uid }) => !uids.includes(uid))
        open.modseq++
      },
      digests: async (some: readonly { uid: number }[]) =>
        new Map(
          some.map(({ uid }) => [uid, digestOf(open.messages.find((one) => one.uid === uid)?.body ?? Buffer.alloc(0))]),
        ),
      [Symbol.asyncDispose]: async () => undefined,
    }
  }
}

function put(folder: Folder, body: Buffer, date = 0): number {
  folder.messages.push({ uid: folder.uidNext, body, date })
  folder.modseq++
  return folder.uidNext++
}

function line(name: string, uid: number, body: Buffer): string {
  return `${name}/${uid} ${/^Subject: (.*)\r$/m.exec(body.toString())?.[1]}`
}

/** Somebody whose mailbox here and at the old server had the same two messages at the flip. */
class Person {
  readonly order: CopyOrder
  readonly #folder: string
  #files = 0
  old = new OldServer(0)

  constructor(t: Test) {
    this.#folder = mkdtempSync(join(tmpdir(), 'postferry-return-'))
    t.teardown(() => rmSync(this.#folder, { recursive: true }))
    chownSync(this.#folder, NOBODY, NOBODY)
    for (const name of ['', '.postferry', 'Maildir', 'Maildir/cur', 'Maildir/new', 'Maildir/tmp']) {
      mkdirSync(join(this.#home, name), { recursive: true })
      chownSync(join(this.#home, name), NOBODY, NOBODY)
    }
    this.order = { id: '7', home: this.#home, address: 'anna@new.example', provider: {} } as CopyOrder
  }

  static async flipped(t: Test): Promise<Person> {
    const person = new Person(t)
    for (const name of ['one', 'two']) person.deliver(name)
    const here = await person.#see()
    const { uidValidity } = here.folders.get('INBOX') ?? { uidValidity: 0 }
    person.old = new OldServer(uidValidity)
    const inbox: Folder = { uidNext: 1, modseq: 1, messages: [] }
    for (const uid of [1, 2]) put(inbox, await here.bodyOf('INBOX', uid), here.dateOf('INBOX', uid))
    person.old.folders.set('INBOX', inbox)
    using record = openRecord(person.#folder, '7')
    const messages = new Map([1, 2].map((uid) => [uid, '']))
    record.keep(new Map([['INBOX', { uidValidity, here: uidValidity, uidNext: 3, modseq: '3', messages }]]))
    return person
  }

  /** At the old server, as it was at the flip, and not here any more. */
  removed(name: string, ...bodies: readonly Buffer[]): Folder {
    const folder: Folder = { uidNext: 1, modseq: 1, messages: [] }
    for (const body of bodies) put(folder, body)
    this.old.folders.set(name, folder)
    using record = openRecord(this.#folder, '7')
    const { uidNext, modseq, messages } = folder
    const known = { uidValidity: this.old.uidValidity, here: 9, uidNext, modseq: `${modseq}` }
    record.keep(
      new Map([...record.known, [name, { ...known, messages: new Map(messages.map(({ uid }) => [uid, ''])) }]]),
    )
    return folder
  }

  get #home(): string {
    return join(this.#folder, 'home')
  }

  /** Here. */
  deliver(name: string, body = bodyOf(name)): void {
    const file = join(this.#home, `Maildir/new/${1_700_000_000 + ++this.#files}.${name}.here`)
    writeFileSync(file, body)
    chownSync(file, NOBODY, NOBODY)
  }

  /** A folder here. */
  async create(name: string): Promise<void> {
    await using place = await openPlace(this.order, await usable(null), {})
    await doveadm(place, ['mailbox', 'create', '-u', place.live, name], SIGNAL)
  }

  /** Here, after it has got its number. */
  async remove(name: string): Promise<void> {
    await this.#see()
    for (const part of ['new', 'cur']) {
      const folder = join(this.#home, 'Maildir', part)
      for (const file of readdirSync(folder)) if (file.includes(`.${name}.`)) rmSync(join(folder, file))
    }
    await this.#see()
  }

  async #see(): Promise<Snapshot> {
    await using place = await openPlace(this.order, await usable(null), {})
    return await snapshot(place, destinationMail, SIGNAL)
  }

  async here(): Promise<string[]> {
    const all = await this.#see()
    const lines = [...all.folders].flatMap(([title, { messages }]) =>
      [...messages.keys()].map(async (uid) => line(title, uid, await all.bodyOf(title, uid))),
    )
    return await Promise.all(lines)
  }

  get #deps(): DoveadmDeps {
    return {
      shared: { stateFolder: this.#folder, directoriesOf },
      ...{ access: this.old.access(), destination: destinationMail, dovecotConf: null },
    } as unknown as DoveadmDeps
  }

  /** When she is at the old server. */
  async leave(isLast: boolean): Promise<readonly string[]> {
    return await leave(this.order, {} as Credential, isLast, await usable(null), this.#deps, SIGNAL)
  }

  /** The subjects of what lies below the home, in all files there. */
  filesIn(pattern: string): string[] {
    const files = globSync(join(this.#home, pattern, '{,.*/}{new,cur}/*'))
    return files.map((file) => /^Subject: (.*?)\r?$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? '').sort()
  }

  /** As `copying/return.ts` does it: with all that can come and go, and once more while she is held. */
  async leadBack(): Promise<void> {
    await using back = await openReturn(this.order, {} as Credential, await usable(null), this.#deps, SIGNAL)
    for (let round = 1; round <= 2; round++) {
      await back.check(this.old.statuses())
      if (await back.write()) await back.prove(this.old.statuses())
    }
  }
}

const refused = (message: RegExp) => ({ constructor: NotFlipped, message })
const IS_NEW = refused(/changed since the flip: INBOX: 1 message is new$/)

/** So the next APPEND goes, and all others as ever. */
function onNextAppend(old: OldServer, work: OldServer['onAppend']): void {
  const { onAppend } = old
  old.onAppend = (folder, message) => {
    old.onAppend = onAppend
    return work(folder, message)
  }
}

t.test('mail that came at the old server meanwhile is never taken for what is here', async (t) => {
  const person = await Person.flipped(t)
  const { old } = person
  person.deliver('A')
  onNextAppend(old, (folder, { body, date }) => {
    const uid = put(folder, body, date)
    put(folder, bodyOf('N'))
    return uid
  })
  await t.rejects(person.leadBack(), refused(/has given more numbers than are known here/))
  person.deliver('M')
  t.same((await person.here()).slice(2), ['INBOX/3 A', 'INBOX/4 M'])
  await t.rejects(person.leadBack(), IS_NEW, 'the number 4 is not M there')
  await person.remove('M')
  await t.rejects(person.leadBack(), IS_NEW, 'and is not to be removed because M was')
  t.same(old.shown(), ['INBOX/1 one', 'INBOX/2 two', 'INBOX/3 A', 'INBOX/4 N'])
})

t.test('a folder that came at the old server meanwhile stays', async (t) => {
  const person = await Person.flipped(t)
  const { old } = person
  person.deliver('A')
  onNextAppend(old, (folder, { body, date }) => {
    old.folders.set('New', { uidNext: 2, modseq: 1, messages: [{ uid: 1, body: bodyOf('N'), date: 0 }] })
    return put(folder, body, date)
  })
  await t.rejects(person.leadBack(), refused(/has not become what is here: New$/))
  await t.rejects(person.leadBack(), refused(/changed since the flip: New: it is new$/))
  t.same(old.shown().slice(2), ['INBOX/3 A', 'New/1 N'])
})

t.test('a folder into which mail has come at the old server meanwhile is not removed there', async (t) => {
  const person = await Person.flipped(t)
  const { old } = person
  const lists = person.removed('Lists', bodyOf('L'))
  person.removed('Empty')
  person.deliver('A')
  onNextAppend(old, (folder, { body, date }) => {
    put(lists, bodyOf('N'))
    return put(folder, body, date)
  })
  await t.rejects(person.leadBack(), refused(/^Lists: mail has come at the old server meanwhile/))
  t.same(old.shown().slice(2), ['INBOX/3 A', 'Lists/1 L', 'Lists/2 N'])
  await t.rejects(person.leadBack(), refused(/changed since the flip: Lists: 1 message is new$/))
  lists.messages.pop()
  lists.uidNext--
  lists.modseq--
  await person.leadBack()
  t.same([...old.folders.keys()], ['INBOX'], 'what is as it was, is')
})

t.test('a parent that the old server has made by itself above a new folder stays there', async (t) => {
  const person = await Person.flipped(t)
  const { old } = person
  old.isMakingParents = true
  await person.create('A/B')
  person.deliver('three')
  onNextAppend(old, () => {
    throw new SourceRefuses('cut off')
  })
  await t.rejects(person.leadBack(), { message: 'cut off' })
  t.same([...old.folders.keys()], ['INBOX', 'A', 'A/B'])
  await person.create('C/D')
  await person.leadBack()
  t.same([...old.folders.keys()], ['INBOX', 'A', 'A/B', 'C', 'C/D'])
  await person.leadBack()
  put(old.folders.get('A') as Folder, bodyOf('N'))
  await t.rejects(person.leadBack(), refused(/changed since the flip: A: 1 message is new$/))
})

t.test('when the connection is lost at an APPEND', async (t) => {
  const lost = new Error('the connection is lost')
  await t.test('what has arrived is known again, whatever became of it here', async (t) => {
    for (const isRemoved of [false, true]) {
      const person = await Person.flipped(t)
      const { old } = person
      person.deliver('A')
      onNextAppend(old, (folder, { body, date }) => {
        put(folder, body, date)
        throw lost
      })
      await t.rejects(person.leadBack(), lost)
      if (isRemoved) await person.remove('A')
      await person.leadBack()
      t.same(old.shown(), await person.here())
      t.equal(old.inbox.messages.length, isRemoved ? 2 : 3)
    }
  })
  await t.test('another message of the same size, or date, is not what has arrived', async (t) => {
    const person = await Person.flipped(t)
    person.deliver('A')
    onNextAppend(person.old, (folder, { date }) => {
      put(folder, bodyOf('N'), date)
      throw lost
    })
    await t.rejects(person.leadBack(), lost)
    await t.rejects(person.leadBack(), IS_NEW)
    t.same(person.old.shown().slice(2), ['INBOX/3 N'])
  })
})

t.test('placeholders', async (t) => {
  const withGap = async () => {
    const person = await Person.flipped(t)
    for (const name of ['gone', 'A']) person.deliver(name)
    await person.remove('gone')
    return person
  }
  /** Takes placeholders only. */
  const only = (old: OldServer, error: Error): OldServer['onAppend'] => {
    const { onAppend } = old
    return (folder, message) => {
      if (message.body.equals(PLACEHOLDER)) return onAppend(folder, message)
      throw error
    }
  }
  await t.test('do not stay when what was to come after them is refused', async (t) => {
    const person = await withGap()
    const { old } = person
    old.onAppend = only(old, new NotFlipped('over quota'))
    await t.rejects(person.leadBack(), refused(/over quota/))
    t.match(old.inbox, { uidNext: 4, messages: { length: 2 } })
  })
  await t.test('are removed by the next attempt where the connection was lost', async (t) => {
    const person = await withGap()
    const { old } = person
    const { onAppend } = old
    const lost = new Error('the connection is lost')
    old.onAppend = only(old, lost)
    old.onExpunge = () => {
      throw lost
    }
    await t.rejects(person.leadBack(), lost)
    t.equal(old.inbox.messages.length, 3)
    old.onAppend = onAppend
    old.onExpunge = () => undefined
    await person.leadBack()
    t.same(old.shown(), await person.here())
    t.same(old.shown().slice(2), ['INBOX/4 A'])
  })
})

t.test('a message that is too large is refused before anything is written', async (t) => {
  const person = await Person.flipped(t)
  for (const name of ['gone', 'A']) person.deliver(name)
  person.deliver('large', Buffer.concat([bodyOf('large'), Buffer.alloc(1_000, 'x')]))
  await person.remove('gone')
  await t.rejects(person.leadBack(), refused(/^INBOX: a message of \d+ bytes is too large/))
  t.same(person.old.inbox, { ...person.old.inbox, uidNext: 3 })
})

t.test('what comes too late and is refused', async (t) => {
  const person = await Person.flipped(t)
  const { old } = person
  const { onAppend } = old
  await person.leadBack()
  for (const name of ['A', 'B']) person.deliver(name)
  old.onAppend = (folder, message) => {
    if (!message.body.includes('this is A')) return onAppend(folder, message)
    throw new SourceRefuses('the old server refuses APPEND (INBOX): over quota')
  }
  const named = /^INBOX: <A@here>, 20[-\dT:.]+Z, \d+ bytes: the old server refuses APPEND \(INBOX\): over quota$/
  await t.test('is named, and keeps nothing else from coming', async (t) => {
    for (let time = 1; time <= 2; time++) await t.rejects(person.leave(false), refused(named))
    t.same(old.shown().slice(2), ['INBOX/3 B'], 'once')
    t.same(person.filesIn('Maildir'), ['A', 'B', 'one', 'two'], 'it stays here')
  })
  await t.test('is kept for the next flip in the end', async (t) => {
    const told = await person.leave(true)
    t.match(told, [
      /^the old server refuses what came here too late; .*kept in .*\.postferry\/before\/[-\da-f]{36}$/,
      named,
    ])
    t.same(person.filesIn('Maildir'), [])
    t.same(person.filesIn('.postferry/mirror/Maildir'), ['A', 'B', 'one', 'two'], 'the mailbox is the mirror')
    t.same(person.filesIn('.postferry/before/*/Maildir'), ['A'])
    t.same(await person.leave(true), [], 'it may be repeated')
  })
})

t.test('a late message waits where the connection is lost', async (t) => {
  const person = await Person.flipped(t)
  await person.leadBack()
  person.deliver('A')
  const lost = new Error('the connection is lost')
  person.old.onAppend = () => {
    throw lost
  }
  await t.rejects(person.leave(true), lost)
  t.same(person.filesIn('Maildir'), ['A', 'one', 'two'])
})

t.end()
