import {
  chmodSync,
  chownSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import type { DoveadmDeps } from '../../../src/engines/doveadm/engine.ts'
import { flipping } from '../../../src/engines/doveadm/flip.ts'
import { digestCaches } from '../../../src/ledger/digest-cache.ts'
import { destinationMail } from '../../../src/maildir/listing.ts'
import type { CopyOrder } from '../../../src/model/migration.ts'
import { Told } from '../../../src/model/not-flipped.ts'
import { until } from '../../support/until.ts'

// With a real doveadm, in whose place a script stands where no real one can be made to fail so.

const NOBODY = 65_534
const { PATH } = process.env
const NAMES = ['', '.-Alt', '.- Kunden', '.-A', '.(', '.Angebote&ICg- 2019']

/** A person to whom mail came before a flip. */
class Person {
  readonly home: string
  readonly before: string
  readonly #folder: string

  constructor(t: Test) {
    this.#folder = mkdtempSync(join(tmpdir(), 'postferry-strays-'))
    t.teardown(() => {
      process.env.PATH = PATH
      rmSync(this.#folder, { recursive: true })
    })
    chmodSync(this.#folder, 0o755)
    this.home = join(this.#folder, 'home')
    this.before = '.postferry/before/3f2b7c1e-0000-4000-8000-000000000001'
    this.#make('Maildir')
  }

  /** A folder below the home that belongs to whose mail it is. */
  #make(path: string): string {
    let made = this.home
    for (const name of ['', ...path.split('/')]) {
      made = join(made, name)
      mkdirSync(made, { recursive: true })
      chownSync(made, NOBODY, NOBODY)
    }
    return made
  }

  deliver(maildir: string, directory: string, name: string): void {
    const [to = ''] = ['new', 'cur', 'tmp'].map((part) => this.#make(join(maildir, directory, part)))
    this.write(join(to, `1700000000.${name}.here`), `Subject: ${name}\n\nthis is ${name} in ${directory}\n`)
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    chownSync(path, NOBODY, NOBODY)
  }

  early(directory: string, name: string): void {
    this.deliver(join(this.before, 'Maildir'), directory, name)
  }

  /** From now on doveadm is a shell script, for which `real` is doveadm itself. */
  inPlaceOfDoveadm(script: string): void {
    const file = join(this.#folder, 'bin/doveadm')
    this.write(file, `#!/bin/sh\nreal() { PATH="\${PATH#*:}" doveadm "$@"; }\n${script}\n`)
    chmodSync(file, 0o755)
    process.env.PATH = `${dirname(file)}:${PATH}`
  }

  /** The subjects of what the mailbox has, with their directories. */
  get mail(): string[] {
    const files = globSync('{,.*/}{new,cur}/*', { cwd: join(this.home, 'Maildir') })
    const subject = (file: string) =>
      readFileSync(join(this.home, 'Maildir', file), 'utf8')
        .split('\n')[0]
        ?.slice(9)
    return files.map((file) => `${file.split('/').slice(0, -2)[0] ?? ''}/${subject(file)}`).sort()
  }

  get isKept(): boolean {
    return existsSync(join(this.home, this.before))
  }

  async merge(signal = new AbortController().signal): Promise<void> {
    const deps = { destination: destinationMail, digests: digestCaches(this.#folder), dovecotConf: null }
    await flipping(deps as unknown as DoveadmDeps).mergeBefore({ id: '7', home: this.home } as CopyOrder, signal)
  }
}

t.test('mail that came before a flip comes into the mailbox, whatever its folders are called', async (t) => {
  for (const areThere of [false, true]) {
    const person = new Person(t)
    for (const directory of NAMES) {
      if (areThere) person.deliver('Maildir', directory, 'old')
      for (const name of ['one', 'two']) person.early(directory, name)
    }
    await person.merge()
    const all = areThere ? ['old', 'one', 'two'] : ['one', 'two']
    t.same(person.mail, NAMES.flatMap((directory) => all.map((name) => `${directory}/${name}`)).sort())
    t.notOk(person.isKept)
  }
})

t.test('what is there already comes no second time', async (t) => {
  const person = new Person(t)
  for (const maildir of ['Maildir', join(person.before, 'Maildir')]) person.deliver(maildir, '', 'one')
  person.early('', 'two')
  await person.merge()
  t.same(person.mail, ['/one', '/two'])
})

t.test('what cannot be looked at is not taken for nothing', async (t) => {
  const person = new Person(t)
  person.write(join(person.home, person.before, 'Maildir'), 'no folder')
  await t.rejects(person.merge(), { code: 'ENOTDIR' })
  t.ok(person.isKept)
  const other = new Person(t)
  other.write(join(other.home, '.postferry/before'), 'no folder')
  await t.rejects(other.merge(), { code: 'ENOTDIR' })
})

t.test('what is merged goes, though what comes after it cannot be', async (t) => {
  const person = new Person(t)
  person.early('', 'one')
  person.write(join(person.home, person.before.replace(/1$/, '2'), 'Maildir'), 'no folder')
  await t.rejects(person.merge(), { code: 'ENOTDIR' })
  t.same(person.mail, ['/one'])
  t.notOk(person.isKept, 'or it would come back when she deletes it')
})

t.test('a home that is away is not taken for nothing', async (t) => {
  const person = new Person(t)
  rmSync(person.home, { recursive: true })
  await t.rejects(person.merge(), { constructor: Told, message: /home is not there$/ })
})

t.test('what Dovecot does not show stays where it is', async (t) => {
  const message = /^Dovecot does not show all of .*before.*Maildir/
  for (const script of [
    // A folder of several, and all of one.
    'case "$*" in *before*fetch*|*fetch*before*) real "$@" | grep -v two; exit 0;; esac; real "$@"',
    'case "$*" in *status*before*) real "$@" | grep -v Sub; exit 68;; *fetch*before*) real "$@" | head -n 2; exit 68;; esac; real "$@"',
  ]) {
    const person = new Person(t)
    person.early('', 'one')
    person.early('.Sub', 'two')
    person.inPlaceOfDoveadm(script)
    await t.rejects(person.merge(), { constructor: Told, message })
    t.ok(person.isKept)
    process.env.PATH = PATH
    await person.merge()
    t.same(person.mail, ['.Sub/two', '/one'])
  }
})

t.test('what a copy has not brought stays, too', async (t) => {
  const person = new Person(t)
  person.early('', 'one')
  person.inPlaceOfDoveadm('case "$*" in *" copy "*) exit 0;; esac; real "$@"')
  await t.rejects(person.merge(), { constructor: Told, message: /^1 messages of .* have not come into the mailbox$/ })
  t.ok(person.isKept)
})

t.test('why a copy fails is told', async (t) => {
  const person = new Person(t)
  person.early('', 'one')
  const said = 'doveadm(m-7): Error: Syncing mailbox INBOX failed: No space left on device'
  person.inPlaceOfDoveadm(`case "$*" in *" copy "*) echo "${said}" >&2; exit 75;; esac; real "$@"`)
  const message = /^doveadm copy ended with 75\n.* failed: No space left on device$/
  await t.rejects(person.merge(), { outcome: 'new-full', message })
})

t.test('a merge that is stopped ends what it runs', async (t) => {
  const person = new Person(t)
  person.early('', 'one')
  const open = mkdtempSync(join(tmpdir(), 'postferry-open-'))
  t.teardown(() => rmSync(open, { recursive: true }))
  chmodSync(open, 0o777)
  const copying = join(open, 'pid')
  person.inPlaceOfDoveadm(`case "$*" in *" copy "*) echo $$ >${copying}; exec sleep 1000;; esac; real "$@"`)
  const stop = new AbortController()
  const stopped = t.rejects(person.merge(stop.signal))
  await until(() => existsSync(copying) && readFileSync(copying, 'utf8').endsWith('\n'), 'it copies')
  stop.abort('stopped')
  await stopped
  t.notOk(existsSync(join('/proc', readFileSync(copying, 'utf8').trim())), 'nothing runs on')
  t.ok(person.isKept)
})

t.end()
