import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type OfflineImapSettings, offlineimaprc } from '../../src/engines/offlineimap/config.ts'
import type { CopyOrder } from '../../src/model/migration.ts'
import type { Provider } from '../../src/model/provider.ts'
import { type Debian, OWN } from './debian.ts'
import { type Dovecot, type Place, startDovecot } from './dovecot.ts'
import type { ImapAccount } from './imap-wire.ts'
import { type Run, type RunSettings, runOfflineimap } from './offlineimap.ts'
import { PROVIDER } from './provider.ts'
import { type Source, type SourceSettings, startSource } from './source-server.ts'

const SHIPPED = fileURLToPath(new URL('../../src/engines/offlineimap/python', import.meta.url))

export interface CopyingRunSettings extends RunSettings {
  /** A repair, as the pythonfile names it, that is left out. */
  without?: string
  /** Python that runs after all repairs. */
  appended?: string
  emitter?: Partial<OfflineImapSettings>
}

export type Answer = { id: string; user: string; password: string } | { id: string; error: string }

/**
 * Real servers, the emitted offlineimaprc and the shipped pythonfile, without the service between them. Dovecot of the
 * destination, OfflineIMAP and Python are of one Debian.
 */
export class Copying implements AsyncDisposable {
  readonly old: Source
  readonly new: Dovecot
  /** Belongs to whom OfflineIMAP runs as. */
  readonly folder: string
  /** What opens the credentials: an executable that stands in for `bin/postferry`. */
  readonly command: string
  readonly debian: Debian

  private constructor(old: Source, now: Dovecot, folder: string, debian: Debian) {
    this.old = old
    this.new = now
    this.folder = folder
    this.debian = debian
    this.command = join(folder, 'open-credentials')
  }

  static async start(settings: SourceSettings, debian = OWN): Promise<Copying> {
    const [old, now] = await Promise.all([startSource(settings), startPlainNew(debian)])
    const folder = await mkdtemp(join(tmpdir(), 'postferry-copying-'))
    const copying = new Copying(old, now, folder, debian)
    await cp(SHIPPED, join(folder, 'offlineimap'), { recursive: true, filter: (path) => !path.includes('__pycache__') })
    await chmod(folder, 0o755)
    await mkdir(join(folder, 'metadata'))
    await copying.#handOver(folder)
    await copying.#handOver(join(folder, 'metadata'))
    return copying
  }

  /** The pythonfile, or a copy of it that lacks one line of its list of repairs, or has more at its end. */
  async #pythonFile({ without, appended = '' }: CopyingRunSettings): Promise<string> {
    if (!without && !appended) return join(this.folder, 'offlineimap', 'postferry.py')
    const whole = await readFile(join(SHIPPED, 'postferry.py'), 'utf8')
    const line = without ? `    ${without},\n` : ''
    if (!whole.includes(line)) throw new Error(`no such repair: ${without}`)
    const file = join(this.folder, 'offlineimap', 'changed.py')
    await writeFile(file, whole.replace(line, '') + appended)
    return file
  }

  /**
   * An order for one account of the source; on the destination the account's name is `m-<id>` with the same password as
   * everybody.
   */
  order(id: number, provider: Partial<Provider> = {}): CopyOrder {
    return { id: String(id), home: join(this.new.mailRoot, `m-${id}`), provider: { ...this.provider(), ...provider } }
  }

  provider(): Provider {
    const { port } = this.old
    return { ...PROVIDER, host: 'localhost', port }
  }

  /** Lets the command answer this; `exit` is its exit code. */
  async credentials(answers: (Answer | string)[], exit = 0): Promise<void> {
    const lines = answers.map((answer) => (typeof answer === 'string' ? answer : JSON.stringify(answer)))
    const file = join(this.folder, 'answers')
    await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 })
    await this.#handOver(file)
    const log = join(this.folder, 'asked')
    const script = `#!/bin/sh\n{ echo "$@"; cat; } >>'${log}'\ncat '${file}'\nexit ${exit}\n`
    await writeFile(this.command, script)
    await chmod(this.command, 0o755)
  }

  /** The credentials of the source's people, who are numbered from 1. */
  async openAll(people: Record<string, string>): Promise<void> {
    await this.credentials(
      Object.entries(people).map(([user, password], at) => ({ id: String(at + 1), user, password })),
    )
  }

  /** What the command was asked, all calls so far: its arguments, then its input. */
  asked(): Promise<string> {
    return readFile(join(this.folder, 'asked'), 'utf8')
  }

  /** Emits the file for the orders and runs OfflineIMAP on it. */
  async run(orders: CopyOrder[], settings: CopyingRunSettings = {}): Promise<Run> {
    const file = await this.emit(orders, settings)
    return runOfflineimap(file, { owner: this.new.mailOwner, debian: this.debian, ...settings })
  }

  async emit(orders: CopyOrder[], changes: CopyingRunSettings = {}): Promise<string> {
    const file = join(this.folder, 'offlineimaprc')
    const settings = {
      pythonFile: await this.#pythonFile(changes),
      metadata: join(this.folder, 'metadata'),
      credentials: this.command,
      timeout: 10,
      ...changes.emitter,
    }
    const text = (await Array.fromAsync(offlineimaprc({ ids: orders.map(({ id }) => id), orders }, settings))).join('')
    await writeFile(file, text, { mode: 0o600 })
    await this.#handOver(file)
    return file
  }

  atSource(user: string, password: string): ImapAccount {
    return { host: 'localhost', port: this.old.port, user, password }
  }

  onNew(id: number): ImapAccount {
    return { host: 'localhost', port: this.new.port, user: `m-${id}`, password: 'new' }
  }

  async #handOver(path: string): Promise<void> {
    const { uid, gid } = this.new.mailOwner
    await chown(path, uid, gid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.old[Symbol.asyncDispose](), this.new[Symbol.asyncDispose]()])
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** The destination as far as copied mail is concerned; everybody's password is `new`. */
export function startPlainNew(debian: Debian, storage?: (place: Place) => string): Promise<Dovecot> {
  return startDovecot({
    name: 'new',
    debian,
    configuration: (place) => `
mail_uid = ${place.users.mail.uid}
mail_gid = ${place.users.mail.gid}
namespace inbox {
  inbox = yes
  separator = /
}
${(storage ?? PLAIN[debian.dovecot])(place)}
${debian.dovecot === '2.3' ? users23(place) : users24(place)}`,
  })
}

const PLAIN: Readonly<Record<Debian['dovecot'], () => string>> = {
  '2.3': () => 'mail_location = maildir:~/Maildir\nmail_plugins = listescape',
  '2.4': () => `mail_driver = maildir
mail_path = ~/Maildir
mail_inbox_path = ~/Maildir
mailbox_list_storage_escape_char = "\\\\"`,
}

function users23({ mailRoot }: Place): string {
  return `
passdb {
  driver = static
  args = password=new
}
userdb {
  driver = static
  args = home=${mailRoot}/%u allow_all_users=yes
}`
}

function users24({ mailRoot }: Place): string {
  return `
passdb static {
  password = new
}
userdb static {
  allow_all_users = yes
  fields {
    home = ${mailRoot}/%{user}
  }
}`
}
