import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bothDebians, type Debian, debian } from '../support/debian.ts'
import { type Passdb, passdbsOf, startNew } from '../support/destination.ts'
import type { Dovecot } from '../support/dovecot.ts'
import { users } from '../support/dovecot-users.ts'
import { mustRun, startFerry } from '../support/ferry.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { runProgram } from '../support/service.ts'
import { signIn } from '../support/sign-in.ts'
import { until } from '../support/until.ts'

const CHECKPASSWORD = join(import.meta.dirname, '../../bin/checkpassword')
const PEOPLE = {
  'anna@old.example': 'correct horse',
  'bert@renamed.example': ' пароль "with" \\ {3} %s ',
  'late@old.example': 'not provisioned yet',
  'out@old.example': 'disabled soon',
  'žofie@old.example': 'Žluťoučký kůň',
}

type PassdbName = Passdb['passdb']

/** A ferry whose homes are below the mail root of the destination that asks it. */
async function crossing(name: PassdbName) {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
  chmodSync(folder, 0o711)
  const homeRoot = join(folder, 'homes')
  const ferry = await startFerry(PEOPLE, { POSTFERRY_HOME: `${homeRoot}/%d/%n` })
  const { url, token, socket, dataDir } = ferry.service
  chmodSync(dataDir, 0o711)
  const passdbs: Record<PassdbName, Passdb> = {
    lua: { passdb: 'lua', url, token },
    'lua-unix': { passdb: 'lua-unix', socket },
    checkpassword: { passdb: 'checkpassword', socket },
  }
  return {
    ferry,
    settings: { ...passdbs[name], homeRoot },
    /** Makes the socket that of whoever owns the mail, as if postferry ran as they do. */
    async handOver() {
      const { mail } = await users()
      chownSync(socket, mail.uid, mail.gid)
    },
    async [Symbol.asyncDispose]() {
      await ferry[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

for (const debian of bothDebians()) {
  for (const name of passdbsOf(debian)) {
    t.test(`people sign in at a new Dovecot ${debian.dovecot} through ${name}`, (t) => peopleSignIn(t, debian, name))
  }
}

async function peopleSignIn(t: Test, debian: Debian, name: PassdbName): Promise<void> {
  await using world = await crossing(name)
  const { ferry, settings } = world
  await world.handOver()
  await using dovecot = await startNew({ ...settings, debian })
  const enter = (user: keyof typeof PEOPLE | string, password: string) => signIn(dovecot.port, user, password)

  t.match(await enter('Anna@OLD.example', 'correct horse'), /^OK /, 'a first sign-in')
  t.match(await enter('anna@old.example', 'correct horse'), /^OK /, 'a second one')
  t.match(await enter('bert@renamed.example', PEOPLE['bert@renamed.example']), /^OK /, 'a renamed person')
  t.match(await enter('Žofie@old.example', 'Žluťoučký kůň'), /^OK /, 'a person beyond ASCII')
  t.match(await enter('anna@old.example', 'wrong'), /^NO \[AUTHENTICATIONFAILED\]/, 'a wrong password')
  t.match(await enter('nobody@old.example', 'wrong'), /^NO \[AUTHENTICATIONFAILED\]/, 'a stranger')
  t.match(await enter('anna@else.example', 'x'), /^NO \[AUTHENTICATIONFAILED\]/, 'a foreign domain')
  t.match(await enter("x' or '1'='1@old.example", 'x'), /^NO \[AUTHENTICATIONFAILED\]/, 'nonsense')

  await enter('out@old.example', 'disabled soon')
  await mustRun(ferry.service, 'account', 'disable', 'out@old.example')
  t.match(await enter('out@old.example', 'disabled soon'), /^NO \[AUTHENTICATIONFAILED\]/, 'a disabled account')

  await usesMailbox(dovecot.port, 'bert@renamed.example')
  if (name !== 'checkpassword') await listsAll(t, dovecot)
  await mustRun(ferry.service, 'account', 'quota', 'bert@new.example', '10K')
  await t.rejects(usesMailbox(dovecot.port, 'bert@renamed.example', 20_000), { message: /OVERQUOTA/ }, 'over the quota')
  await mustRun(ferry.service, 'account', 'quota', 'bert@new.example', 'none')
  t.match(dovecot.log(), /user=<bert@new\.example>/, 'the session is the new address’s')

  await ferry.old.stop()
  t.match(await enter('late@old.example', 'not provisioned yet'), /^NO \[UNAVAILABLE\]/, 'the source away: a newcomer')
  t.match(await enter('anna@old.example', 'correct horse'), /^OK /, 'the source away: a provisioned person')
  await ferry.service.stop()
  t.match(await enter('anna@old.example', 'correct horse'), /^NO \[UNAVAILABLE\]/, 'postferry away')
}

t.test('a socket that Dovecot may not open is named in its log, with what to do', async (t) => {
  await using world = await crossing('checkpassword')
  const { ferry, settings } = world
  // Neither Dovecot's group nor the one that its configuration adds.
  chmodSync(ferry.service.socket, 0)
  await using dovecot = await startNew({ ...settings, debian: debian(12) })
  t.match(await signIn(dovecot.port, 'anna@old.example', 'correct horse'), /^NO \[UNAVAILABLE\]/)
  const line = `cannot open ${ferry.service.socket}: no permission: extra_groups in Dovecot's service auth`
  await until(() => dovecot.log().includes(line), line)
})

/** doveadm finds everybody, who may not sign in included, and works on all of them. */
async function listsAll(t: Test, { doveadm }: Dovecot): Promise<void> {
  const everybody = 'anna@old.example\nbert@new.example\nout@old.example\nžofie@old.example\n'
  t.match(await doveadm('user', '*'), { exitCode: 0, stdout: everybody })
  t.match(await doveadm('user', 'b*'), { exitCode: 0, stdout: 'bert@new.example\n' })
  const boxes = await doveadm('mailbox', 'list', '-A', 'an archive*')
  t.match(boxes, { exitCode: 0, stdout: /bert@new\.example +an archive\.of things/ })
}

async function usesMailbox(port: number, user: keyof typeof PEOPLE, bytes = 0): Promise<void> {
  await using wire = await ImapWire.open({ host: 'localhost', port, user, password: PEOPLE[user] })
  if (bytes > 0) await wire.command('APPEND INBOX ', Buffer.from(`Subject: large\r\n\r\n${'x'.repeat(bytes)}`))
  else await wire.command('CREATE "an archive.of things"')
  await wire.command('SELECT INBOX')
}

t.test('checkpassword used alone obeys the exit codes', async (t) => {
  await using ferry = await startFerry(PEOPLE)
  const { socket } = ferry.service
  const check = (input: string | Buffer, { prog = ['printenv', 'USER'], POSTFERRY_SOCKET = socket } = {}) =>
    runProgram('sh', ['-c', 'exec "$0" "$@" 3<&0', CHECKPASSWORD, ...prog], { POSTFERRY_SOCKET }, input)
  t.match(await check('bert@renamed.example\0 пароль "with" \\ {3} %s \0\0'), {
    exitCode: 0,
    stdout: 'bert@new.example\n',
  })
  t.match(await check('bert@renamed.example\0wrong\0\0'), { exitCode: 1, stdout: '' })
  t.match(await check(Buffer.from('anna@old.example\0\xff\0\0', 'latin1')), { exitCode: 1, stdout: '' })
  t.match(await check('anna@old.example'), { exitCode: 2, stderr: /usage/ })
  t.match(await check('anna@old.example\0correct horse\0\0', { prog: [] }), { exitCode: 2, stderr: /usage/ })
  t.match(await check('anna@old.example\0correct horse\0\0', { POSTFERRY_SOCKET: '/nowhere' }), { exitCode: 111 })
  t.match(await check('anna@old.example\0correct horse\0\0', { prog: ['sh', '-c', 'exit 7'] }), { exitCode: 7 })
  await ferry.old.stop()
  t.match(await check('late@old.example\0not captured yet\0\0'), { exitCode: 111, stdout: '' })
})
