import { appendFile, chown, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { compareAccounts } from '../support/compare.ts'
import { Copying } from '../support/copying.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { encodeName } from '../support/mailbox-names.ts'
import { runOfflineimap } from '../support/offlineimap.ts'

/** Each would leave a file called canary if anybody ran it. */
const HOSTILE = [
  '__import__("os").system("touch canary")',
  '"); __import__("os").system("touch canary"); ("',
  "'); __import__('os').system('touch canary') #",
  '$(touch canary) `touch canary` ; touch canary | touch canary',
  '%(remotehost)s %s %% $HOME {0} {user}',
  ']] [general] = remoteuser; # "\\ ü 日本',
]
const MULTILINE = HOSTILE.map((code) => `x"\nremoteusereval = ${code}\n[Repository x]\r\n`)

const people = Object.fromEntries(HOSTILE.map((code, at) => [code, `${HOSTILE.at(-1 - at)}`]))
const copying = await Copying.start({ people })
t.teardown(() => copying[Symbol.asyncDispose]())
const cwd = join(copying.folder, 'cwd')
const { uid, gid } = copying.new.mailOwner
await mkdir(cwd)
await chown(cwd, uid, gid)

for (const [user, password] of Object.entries(people)) {
  await using old = await ImapWire.open(copying.atSource(user, password))
  for (const name of HOSTILE) {
    const mailbox = Buffer.from(encodeName(name))
    await old.command('CREATE ', mailbox)
    await old.command('APPEND ', mailbox, ' ', Buffer.from(`Subject: ${name}\r\n\r\n${MULTILINE.join('\r\n')}`))
  }
}

t.test('names, passwords, mailboxes, filters and homes are carried as they are; no code in them runs', async (t) => {
  await copying.openAll(people)
  const provider = { include: ['*', ...HOSTILE, ...MULTILINE], exclude: MULTILINE }
  const orders = Object.keys(people).map((_, at) => copying.order(at + 1, provider))
  const { code, output } = await copying.run(orders, { cwd })
  t.equal(code, 0, output)
  for (const [at, [user, password]] of Object.entries(people).entries()) {
    const { complete, total } = await compareAccounts(copying.atSource(user, password), copying.onNew(at + 1))
    t.ok(complete, user)
    t.equal(total.messages, HOSTILE.length)
  }
  t.strictSame(await readdir(cwd), [])
})

t.test('a home with such a name, over several lines too, is a folder and nothing else', async (t) => {
  const homes = [...HOSTILE, ...MULTILINE].map((name) => join(copying.new.mailRoot, name.replaceAll('/', '')))
  const [user = '', password = ''] = Object.entries(people)[0] ?? []
  await copying.credentials(homes.map((_, at) => ({ id: String(at + 100), user, password })))
  const orders = homes.map((home, at) => ({ ...copying.order(at + 100, { include: ['INBOX', '%'] }), home }))
  const { code, output } = await copying.run(orders, { cwd })
  t.equal(code, 0, output)
  for (const home of homes) t.ok((await readdir(join(home, 'Maildir'))).includes('cur'), home)
  t.strictSame(await readdir(cwd), [])
})

t.test('the same text would run as code where OfflineIMAP evaluates it: the canary sings', async (t) => {
  const file = await copying.emit([copying.order(1)])
  await appendFile(file, `[Account x]\nremoterepository = x\nlocalrepository = x\n[Repository x]\ntype = IMAP\n`)
  await appendFile(file, `remotehost = localhost\nremoteusereval = ${HOSTILE[0]}\n`)
  await runOfflineimap(file, { args: ['-a', 'x'], cwd, owner: copying.new.mailOwner })
  t.strictSame(await readdir(cwd), ['canary'])
})

t.end()
