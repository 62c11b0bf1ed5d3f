import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bothDebians, type Debian } from '../support/debian.ts'
import { startNew } from '../support/destination.ts'
import { countedByFail2ban } from '../support/fail2ban.ts'
import { type Postfix, startPostfix } from '../support/postfix.ts'
import { json, ScriptedPostferry } from '../support/scripted-postferry.ts'
import { Smtp } from '../support/smtp.ts'
import { until } from '../support/until.ts'

const SASL = join(import.meta.dirname, '../../bin/postfix-sasl')
const LISTENER = 'service auth {\n  unix_listener postfix-auth {\n    mode = 0666\n  }\n}'

/** A Dovecot that asks a scripted postferry, and a Postfix that asks it in turn, both of one Debian. */
async function stage(t: Test, debian: Debian) {
  const postferry = await ScriptedPostferry.start('tcp')
  t.teardown(() => postferry[Symbol.asyncDispose]())
  const passdb = { passdb: 'lua', url: postferry.url, token: 'auth-token-of-this-test' } as const
  const dovecot = await startNew({ ...passdb, debian, isScripted: true, configuration: LISTENER })
  t.teardown(() => dovecot[Symbol.asyncDispose]())
  const saslPath = join(dovecot.folder, 'run/postferry-auth')
  await startSasl(t, saslPath, join(dovecot.folder, 'run/postfix-auth'))
  const postfix = await startPostfix({ saslPath, debian })
  t.teardown(() => postfix[Symbol.asyncDispose]())
  postferry.reply = (response, asked) => {
    const { username, password } = asked?.body ?? {}
    if (password === 'right') json(200, { verdict: 'ok', user: username, fields: { userdb_home: '/x' } })(response)
    else if (password === 'too-late') setTimeout(() => json(401, { verdict: 'mismatch' })(response), 11_000)
    else if (password === 'busy') json(503, { verdict: 'tempfail', code: 'old-timeout' })(response)
    else if (password === 'broken') response.destroy()
    else json(401, { verdict: 'mismatch' })(response)
  }
  return { postferry, postfix }
}

async function startSasl(t: Test, ...sockets: [string, string]): Promise<void> {
  const child = spawn(SASL, sockets, { stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(async () => {
    const ended = once(child, 'exit')
    child.kill()
    await ended
  })
  await until(() => existsSync(sockets[0]), 'the socket for Postfix')
}

/** What the mail program sees, in a connection of its own. */
async function sendBy(postfix: Postfix, user: string, password: string): Promise<string> {
  await using smtp = await Smtp.open(postfix.port)
  return await smtp.signIn(`${user}@old.example`, password)
}

for (const debian of bothDebians()) {
  t.test(`Postfix and Dovecot of Debian ${debian.release}`, async (t) => {
    const { postferry, postfix } = await stage(t, debian)
    const send = (user: string, password: string) => sendBy(postfix, user, password)

    t.test('a right password may send, a wrong one is told so', async (t) => {
      t.match(await send('anna', 'right'), /^235 /)
      t.match(await send('wrong-1', 'wrong'), /^535 /)
    })

    t.test(
      'where Dovecot could not ask, a mail program is told to try again, and the next password is heard',
      async (t) => {
        await using smtp = await Smtp.open(postfix.port)
        for (const trouble of ['busy', 'broken', 'too-late']) {
          t.match(await smtp.signIn(`${trouble}@old.example`, trouble), /^454 /, trouble)
          t.match(await smtp.signIn('wrong-2@old.example', 'wrong'), /^535 /, `after ${trouble}`)
        }
        t.match(await smtp.signIn('anna@old.example', 'right'), /^235 /)
      },
    )

    t.test('so it is while postferry is away, whoever asks', async (t) => {
      await postferry.close()
      t.match(await send('away', 'right'), /^454 /)
      t.match(await send('away', 'wrong'), /^454 /)
      await postferry.listen()
      t.match(await send('anna', 'right'), /^235 /)
    })

    t.test('fail2ban counts the wrong passwords, and nothing else', async (t) => {
      const counted = await countedByFail2ban(postfix.logFile, 'postfix[mode=auth]')
      const names = counted.map((line) => /sasl_username=(.*)@/.exec(line)?.[1])
      t.same(names, ['wrong-1', 'wrong-2', 'wrong-2', 'wrong-2'])
      t.match(postfix.log(), /Connection lost to authentication server/)
    })
  })
}
