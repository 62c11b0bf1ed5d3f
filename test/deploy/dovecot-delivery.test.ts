import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { authenticate } from '../support/auth-client.ts'
import { type Certificates, certificates } from '../support/certificates.ts'
import { bothDebians, type Debian } from '../support/debian.ts'
import { startNew } from '../support/destination.ts'
import { type MxScript, ScriptedMx } from '../support/scripted-mx.ts'
import { json, type Reply, ScriptedPostferry, text } from '../support/scripted-postferry.ts'
import { Smtp } from '../support/smtp.ts'
import { until } from '../support/until.ts'

const LMTP = { '2.3': 'protocols = imap lmtp', '2.4': 'protocols {\n  lmtp = yes\n}' }
const MESSAGE = 'Subject: hello\r\n\r\n..a line with a dot'

type Fields = Record<string, string>

interface Told {
  /** By recipient; who is missing is not known. */
  delivery: Record<string, Fields>
  /** Who has a home here. */
  here: string[]
}

async function stage(
  t: Test,
  debian: Debian,
  { script = {}, configuration = '' }: { script?: MxScript; configuration?: string } = {},
) {
  const mx = await ScriptedMx.start(script)
  t.teardown(() => mx[Symbol.asyncDispose]())
  const postferry = await ScriptedPostferry.start('tcp')
  t.teardown(() => postferry[Symbol.asyncDispose]())
  const passdb = { passdb: 'lua', url: postferry.url, token: 'auth-token-of-this-test' } as const
  const dovecot = await startNew({
    ...{ ...passdb, debian, isScripted: true },
    configuration: `${LMTP[debian.dovecot]}\n${configuration}`,
  })
  t.teardown(() => dovecot[Symbol.asyncDispose]())
  const told: Told = { delivery: {}, here: [] }
  const home = (user: string) => join(dovecot.mailRoot, user)
  const answers: Record<string, (user: string) => Reply> = {
    '/v1/delivery': (user) => {
      const fields = told.delivery[user]
      return fields === undefined ? json(404, { found: false }) : json(200, { found: true, fields })
    },
    '/v1/userdb': (user) =>
      told.here.includes(user) ? json(200, { found: true, fields: { home: home(user) } }) : json(404, { found: false }),
    '/v1/passdb': () => json(401, { verdict: 'mismatch' }),
  }
  postferry.reply = (response, asked) => answers[asked?.path ?? '']?.(String(asked?.body.username))(response, asked)
  return {
    ...{ mx, postferry, dovecot, told },
    byMx: { proxy: 'y', protocol: 'smtp', host: '127.0.0.1', port: `${mx.port}`, proxy_timeout: '300' },
    async deliver(recipient: string): Promise<string> {
      await using lmtp = await Smtp.openLmtp(join(dovecot.folder, 'run/lmtp'))
      return await lmtp.deliver(recipient, MESSAGE)
    },
    arrived: (user: string) => {
      const folder = join(home(user), 'Maildir/new')
      return existsSync(folder) ? readdirSync(folder).length : 0
    },
  }
}

for (const debian of bothDebians()) {
  t.test(`Dovecot ${debian.dovecot} delivers where postferry says`, async (t) => {
    const { mx, postferry, dovecot, told, byMx, deliver, arrived } = await stage(t, debian)
    told.here = ['ann@old.example']
    told.delivery = { 'ann@old.example': {}, 'bob@old.example': byMx, 'Bob@old.example': byMx }

    t.test('here for who is here', async (t) => {
      t.match(await deliver('ann@old.example'), /^250 /)
      t.equal(arrived('ann@old.example'), 1)
      t.same(mx.said, [])
    })

    t.test(
      'by the old MX for whom postferry says so, with every byte, and with the address as it was written',
      async (t) => {
        for (const recipient of ['bob@old.example', 'Bob+shop@old.example']) {
          t.match(await deliver(recipient), /^250 /)
          t.match(mx.messages.at(-1), /\r\nSubject: hello\r\n\r\n\.a line with a dot\r\n$/)
        }
        t.same(mx.recipients, ['<bob@old.example>', '<Bob+shop@old.example>'])
        t.match(mx.said.find(({ line }) => line.startsWith('MAIL'))?.line, /^MAIL FROM:<sender@else\.example>/)
        t.equal(arrived('bob@old.example'), 0)
      },
    )

    t.test('under the old address in a renamed domain, with the detail of a sub-address', async (t) => {
      told.delivery['cleo@new.example'] = { ...byMx, destuser: 'cleo@renamed.example' }
      t.match(await deliver('cleo+shop@new.example'), /^250 /)
      t.equal(mx.recipients.at(-1), '<cleo+shop@renamed.example> ORCPT=rfc822;cleo+2Bshop@new.example')
    })

    t.test('nobody knows the others', async (t) => {
      t.match(await deliver('nobody@old.example'), /^550 /)
      t.match(await deliver('ann@else.example'), /^550 /, 'the same name in another domain')
    })

    t.test('the old MX says what becomes of the message', async (t) => {
      for (const [script, answer] of [
        [{ recipient: () => '550 5.1.1 no such user' }, /^550 5\.1\.1 .*no such user/],
        [{ recipient: () => '450 4.2.0 greylisted' }, /^450 4\.2\.0 .*greylisted/],
        [{ mail: () => '552 5.3.4 too large' }, /^552 5\.3\.4 .*too large/],
        [{ message: '554 5.7.1 spam' }, /^554 5\.7\.1 .*spam/],
        [{ message: '451 4.3.0 later' }, /^451 4\.3\.0 .*later/],
        [{ message: null }, /^451 4\./],
      ] as const) {
        mx.script = script
        t.match(await deliver('bob@old.example'), answer)
      }
      mx.script = {}
      await mx.close()
      t.match(await deliver('bob@old.example'), /^451 4\./, 'it is away: the message stays in the queue')
      t.match(await deliver('ann@old.example'), /^250 /, 'who is here gets mail meanwhile')
      await mx.listen()
      t.match(await deliver('bob@old.example'), /^250 /)
    })

    t.test('what postferry does not say clearly is "try again"', async (t) => {
      const answer = postferry.reply
      for (const [what, reply] of Object.entries<Reply>({
        'could not ask': json(503, { code: 'database' }),
        'found without fields': json(200, { found: true }),
        'a field that is no string': json(200, { found: true, fields: { proxy: true } }),
        'no JSON': text(200, '<html>'),
        'another page': json(404, { error: 'no such page' }),
        'cut off': (response) => response.destroy(),
      })) {
        postferry.reply = reply
        t.match(await deliver('ann@old.example'), /^451 /, what)
        t.match(await deliver('nobody@old.example'), /^451 /, what)
      }
      await postferry.close()
      t.match(await deliver('ann@old.example'), /^451 /, 'away')
      await postferry.listen()
      postferry.reply = answer
      t.match(await deliver('ann@old.example'), /^250 /)
    })

    t.test('doveadm for a person whose mail goes to the old MX works here', async (t) => {
      told.here.push('bob@old.example')
      t.match(await dovecot.doveadm('mailbox', 'list', '-u', 'bob@old.example'), { exitCode: 0, stdout: /INBOX/ })
      const asked = postferry.asked.length
      const { stdout, stderr } = await dovecot.doveadm('auth', 'lookup', '-x', 'service=doveadm', 'bob@old.example')
      t.notMatch(stdout + stderr, /proxy|nopassword/)
      t.same(
        postferry.asked.slice(asked).filter(({ path }) => path === '/v1/delivery'),
        [],
      )
    })
  })

  t.test(`how mail travels from Dovecot ${debian.dovecot} to the old MX`, async (t) => {
    const { server, ...bad } = await certificates()
    const { mx, told, byMx, deliver } = await stage(t, debian)
    const sent = async (script: MxScript, fields: Fields) => {
      mx.script = script
      told.delivery = { 'bob@old.example': { ...byMx, ...fields } }
      const [before, messages] = [mx.said.length, mx.messages.length]
      const answer = await deliver('bob@old.example')
      const mail = mx.said.slice(before).find(({ line }) => line.startsWith('MAIL'))
      t.equal(mail !== undefined, answer.startsWith('250'), 'nothing is said about a message that does not go')
      t.equal(mx.messages.length > messages, answer.startsWith('250'))
      return answer.startsWith('250') ? (mail?.isSecure ? 'encrypted' : 'in the clear') : answer.slice(0, 5)
    }
    const VERIFIED = { starttls: 'yes' }
    const ENCRYPTED = { starttls: 'any-cert' }
    t.equal(await sent({ tls: server }, VERIFIED), 'encrypted')
    for (const name of ['expired', 'wrongName', 'foreign'] satisfies (keyof Certificates)[]) {
      t.equal(await sent({ tls: bad[name] }, VERIFIED), '451 4', `verified: ${name}`)
      t.equal(await sent({ tls: bad[name] }, ENCRYPTED), 'encrypted', `encrypted: ${name}`)
    }
    t.equal(await sent({}, VERIFIED), '451 4', 'verified: an MX that does not offer STARTTLS')
    t.equal(await sent({}, ENCRYPTED), '451 4', 'encrypted: an MX that does not offer STARTTLS')
    t.equal(await sent({ tls: server }, {}), 'in the clear', 'none, whatever is offered')
  })

  t.test(`nobody signs in at Dovecot ${debian.dovecot} by what LMTP is told`, async (t) => {
    const { postferry, dovecot, told, byMx, deliver } = await stage(t, debian, { configuration: everyWayIn(t, debian) })
    const user = 'bob@old.example'
    told.delivery = { [user]: byMx }
    // Even with a mailbox here.
    told.here = [user]
    const socket = join(dovecot.folder, 'run/auth-client')
    await until(() => existsSync(socket), 'the socket of the login processes')

    t.match(await deliver(user), /^250 /, 'LMTP is told')
    const asked = postferry.asked.length
    const attempts = ['imap', 'pop3', 'smtp', 'submission', 'sieve', 'doveadm', 'lmtp'].flatMap((service) => [
      ...(['PLAIN', 'LOGIN', 'CRAM-MD5', 'EXTERNAL'] as const).flatMap((mechanism) =>
        ['wrong', ''].map((password) => ({ mechanism, service, user, password })),
      ),
      { mechanism: 'PLAIN', service, user, master: 'root', password: 'of the master' } as const,
    ])
    await Promise.all(
      attempts.map(async (attempt) => {
        const answer = await authenticate(socket, attempt)
        t.match(answer, /^FAIL\t/, JSON.stringify(attempt))
        t.notMatch(answer, /temp|proxy|nopassword/)
      }),
    )
    const paths = new Set(postferry.asked.slice(asked).map(({ path }) => path))
    t.same([...paths], ['/v1/passdb'], 'where mail goes is asked for nobody who signs in')
  })
}

/** All ways to sign in without sending the person's password, and a master user whose persons have to be in a passdb. */
function everyWayIn(t: Test, { dovecot }: Debian): string {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-masters-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  chmodSync(folder, 0o755)
  const file = join(folder, 'masters')
  writeFileSync(file, 'root:{PLAIN}of the master\n', { mode: 0o644 })
  const masters =
    dovecot === '2.3'
      ? `passdb {\n  driver = passwd-file\n  args = ${file}\n  master = yes\n  pass = yes\n}`
      : `passdb passwd-file {\n  passwd_file_path = ${file}\n  master = yes\n  result_success = continue\n}`
  return `auth_mechanisms = plain login cram-md5 external\n${masters}`
}
