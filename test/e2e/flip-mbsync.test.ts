import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { bothDebians } from '../support/debian.ts'
import { mustRun, rows } from '../support/ferry.ts'
import { type ImapAccount, ImapWire } from '../support/imap-wire.ts'
import { startMailWorld } from '../support/mail-world.ts'
import { withinOldServers } from '../support/old-servers.ts'
import { startSync } from '../support/sync.ts'

// mbsync keeps a copy, by UIDVALIDITY and UIDs. It carries both ways, so that it would also delete what it misses.

const ANNA = 'anna@old.example'
const PASSWORD = 'a password'
const FOLDERS = { INBOX: 12, Archive: 5, 'Archive/2019': 7, Empty: 0 }
const ALL = Object.values(FOLDERS).reduce((all, some) => all + some)
/** It has asked for no message, and changed nothing at the server. */
const NOTHING = { loaded: 0, written: [] }

for (const debian of bothDebians()) {
  t.test(`mbsync loads nothing again after a flip to a Dovecot ${debian.dovecot}, and deletes nothing`, async (t) => {
    await using world = await startMailWorld({ debian, people: { [ANNA]: PASSWORD }, isProxied: true })
    const { service } = world.ferry
    const anna: ImapAccount = { host: 'localhost', port: world.dovecot.port, user: ANNA, password: PASSWORD }
    await fill(anna)
    const copy = new Copy(anna)
    t.teardown(() => copy.remove())
    t.same(copy.sync(), { ...NOTHING, loaded: ALL }, 'all of the old server, through the new one')
    const known = copy.files()
    const ready = startSync(service, ['--once'], {}, debian)
    t.equal(await ready.end, 0, ready.stderr)
    t.same(copy.sync(), NOTHING)
    await mustRun(service, 'migration', 'flip', ANNA)
    const flipping = startSync(service, ['--account', ANNA], {}, debian)
    t.equal(await flipping.end, 0, flipping.stderr)
    t.match(await rows(service, 'migration', 'show', ANNA), { route: 'destination' })

    t.same(copy.sync(), NOTHING, 'here it finds what it has')
    t.same(copy.files(), known)
    {
      await using wire = await ImapWire.open(anna)
      await wire.command('APPEND Archive () ', message('late'))
    }
    t.same(copy.sync(), { ...NOTHING, loaded: 1 }, 'it goes on from there')
    t.same(Object.keys(copy.files()).length, ALL + 1)
  })
}

const message = (name: string) => Buffer.from(`Subject: ${name}\r\n\r\nthis is ${name}\r\n`)

async function fill(account: ImapAccount): Promise<void> {
  await using wire = await ImapWire.open(account)
  for (const [folder, messages] of Object.entries(FOLDERS)) {
    if (folder !== 'INBOX') await wire.command(`CREATE ${folder}`)
    for (let number = 1; number <= messages; number++) {
      const flags = number % 3 === 0 ? '\\Seen \\Flagged' : ''
      await wire.command(`APPEND ${folder} (${flags}) `, message(`${folder} ${number}`))
    }
  }
  // The numbers have gaps.
  await wire.command('APPEND INBOX () ', message('removed'))
  await wire.command('SELECT INBOX')
  await wire.command('STORE * +FLAGS (\\Deleted)')
  await wire.command('EXPUNGE')
}

/** A copy that mbsync keeps. */
class Copy {
  readonly #folder = mkdtempSync(join(tmpdir(), 'postferry-mbsync-'))
  readonly #file = join(this.#folder, 'rc')
  readonly #mail = join(this.#folder, 'mail')

  constructor({ port, user, password }: ImapAccount) {
    mkdirSync(this.#mail)
    writeFileSync(
      this.#file,
      `
IMAPAccount new
Host 127.0.0.1
Port ${port}
User ${user}
Pass "${password}"
SSLType None
AuthMechs LOGIN

IMAPStore new
Account new

MaildirStore copy
Path ${this.#mail}/
Inbox ${this.#mail}/INBOX
SubFolders Verbatim

Channel mail
Far :new:
Near :copy:
Patterns *
Create Both
Remove Both
Expunge Both
Sync All
SyncState *
CopyArrivalDate yes
`,
    )
  }

  /** @returns how many messages it has asked for, and its commands that change something at the server */
  sync(): { loaded: number; written: string[] } {
    const [program = '', ...args] = [...withinOldServers(), 'mbsync', '-Dn', '-c', this.#file, '-a']
    const env = { ...process.env, HOME: this.#folder }
    const said = execFileSync(program, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] })
    const commands = [...said.matchAll(/>>> \d+ (.*?)\r?$/gm)].map(([, command = '']) => command)
    return {
      loaded: commands.filter((command) => command.includes('BODY')).length,
      written: commands.filter((command) => /^(APPEND|CREATE|DELETE|EXPUNGE|UID (STORE|COPY|EXPUNGE))/.test(command)),
    }
  }

  /** Every message by its file's name, which has its UID and flags. */
  files(): Record<string, string> {
    const all = readdirSync(this.#mail, { recursive: true, withFileTypes: true })
    const messages = all.filter((entry) => entry.isFile() && /\/(new|cur)$/.test(entry.parentPath))
    const paths = messages.map((entry) => join(entry.parentPath, entry.name)).sort()
    return Object.fromEntries(paths.map((path) => [path, readFileSync(path, 'utf8')]))
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

t.end()
