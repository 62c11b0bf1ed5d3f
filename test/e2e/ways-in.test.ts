import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Ferry, mustRun, startFerry } from '../support/ferry.ts'
import { startNew } from '../support/new.ts'
import { signIn } from '../support/sign-in.ts'

// Each person's first sign-in, by whatever way they came into the system: the first one has to succeed.

const PEOPLE = {
  'karl@old.example': 'awaited',
  'lena@renamed.example': 'awaited under a new domain',
  'mia.old': 'awaited under another user name',
  'nora@old.example': 'imported with password',
}

const FILE = `address,old_username,old_password
karl@old.example,,
lena@renamed.example,,
mia@old.example,mia.old,
nora@old.example,,imported with password
`

let ferry: Ferry
const homes = mkdtempSync(join(tmpdir(), 'mailferry-homes-'))
t.before(async () => {
  chmodSync(homes, 0o711)
  ferry = await startFerry(PEOPLE, { MAILFERRY_HOME: `${homes}/mail/%d/%n` })
  const file = join(ferry.service.dataDir, 'people.csv')
  writeFileSync(file, FILE)
  await mustRun(ferry.service, 'import', file)
})
t.after(async () => {
  await ferry[Symbol.asyncDispose]()
  rmSync(homes, { recursive: true })
})

t.test('everybody who was imported is let in at the first sign-in through Dovecot', async (t) => {
  const { url, token } = ferry.service
  await using dovecot = await startNew({ door: 'lua', url, token, homeRoot: join(homes, 'mail') })
  for (const [address, password] of [
    ['karl@old.example', 'awaited'],
    ['lena@renamed.example', 'awaited under a new domain'],
    ['mia@old.example', 'awaited under another user name'],
    ['nora@old.example', 'imported with password'],
  ] as const) {
    t.match(await signIn(dovecot.port, address, password), /^OK /, address)
  }
})

t.end()
