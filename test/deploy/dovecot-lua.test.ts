import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { askUser } from '../support/auth-master.ts'
import { bothDebians, type Debian } from '../support/debian.ts'
import { startNew } from '../support/destination.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { type Asked, json, type Reply, ScriptedPostferry, text } from '../support/scripted-postferry.ts'
import { signIn } from '../support/sign-in.ts'
import { until } from '../support/until.ts'

const TOKEN = 'auth-token-of-this-test'
const IN = /^OK Logged in/
const REFUSED = /^NO \[AUTHENTICATIONFAILED\]/
const EXPIRED = /^NO \[EXPIRED\]/
const TRY_AGAIN = /^NO \[UNAVAILABLE\]/

const USER = 'ann@old.example'
const PASSWORD = 'pw-of-ann-17'
const WELCOME = { success: true, verdict: 'ok', user: 'ann@new.example' }

function welcome(home: string): Reply {
  return json(200, { ...WELCOME, fields: { userdb_home: home } })
}

/** Dovecot 2.4 takes the characters of addresses only; 2.3 leaves it to postferry to refuse the others. */
const NAMES = ["o'neil+x=y_z#1&2~3!", 'päß', '日本', 'мария', 'עדי', 'ａｂ', '𐍈']
const HOSTILE = [
  '*)(uid=*',
  '"]};os.exit()--',
  "it's }",
  'back\\slash',
  '%u%{env:HOME}',
  'päß wörd 日本 😀',
  ' blanks ',
  '{5+}',
]

type Case = { what: string; reply: Reply; seen: RegExp }

const VERDICTS: Case[] = [
  { what: 'mismatch', reply: json(401, { verdict: 'mismatch' }), seen: REFUSED },
  { what: 'disabled', reply: json(403, { verdict: 'disabled' }), seen: REFUSED },
  { what: 'expired', reply: json(403, { verdict: 'expired' }), seen: EXPIRED },
  { what: 'tempfail', reply: tryLater, seen: TRY_AGAIN },
  { what: 'mismatch with another status', reply: json(200, { success: true, verdict: 'mismatch' }), seen: REFUSED },
]

const NONSENSE: Case[] = Object.entries({
  'success without a verdict': json(200, { success: true, user: USER, fields: {} }),
  'a refusal without a verdict': json(401, { success: false }),
  'a verdict that nobody knows': json(200, { verdict: 'maybe' }),
  'a verdict that is no word': json(200, { verdict: null }),
  'ok without a user': json(200, { verdict: 'ok', fields: {} }),
  'ok without fields': json(200, WELCOME),
  'ok with a field that is no string': json(200, { ...WELCOME, fields: { userdb_uid: 0 } }),
  'a word instead of an object': json(401, 'mismatch'),
  'broken JSON': text(401, '{"verdict":"mismatch"'),
  'no JSON at all': text(500, '<html>mismatch</html>'),
  'an empty answer': text(401, ''),
  'a question cut off': (response: ServerResponse) => response.destroy(),
  'an answer cut off': half,
}).map(([what, reply]) => ({ what, reply, seen: TRY_AGAIN }))

/** Slower than the limit, which is a second here. */
const SLOW: Record<string, Reply> = {
  silence: () => {},
  'an answer that stalls': (response) => response.writeHead(401).write('{'),
  'an answer that drips in without an end': drip,
}

function tryLater(response: ServerResponse): void {
  response.setHeader('retry-after', '0')
  json(503, { verdict: 'tempfail', code: 'old-timeout' })(response)
}

function half(response: ServerResponse): void {
  response.writeHead(401, { 'content-length': '100' })
  response.write('{"success":false,"verdict":"mismatch"', () => response.destroy())
}

function drip(response: ServerResponse): void {
  response.writeHead(401)
  const timer = setInterval(() => response.write(' '), 100)
  response.on('close', () => clearInterval(timer))
}

t.jobs = 3

interface More {
  clientLimitSeconds?: number
  configuration?: string
}

async function stage(t: Test, debian: Debian, kind: 'tcp' | 'unix', more: More) {
  const postferry = await ScriptedPostferry.start(kind)
  t.teardown(() => postferry[Symbol.asyncDispose]())
  const passdbs = {
    tcp: { passdb: 'lua', url: `${postferry.url}/`, token: TOKEN },
    unix: { passdb: 'lua-unix', socket: postferry.socket },
  } as const
  const dovecot = await startNew({ ...passdbs[kind], ...more, debian, isScripted: true })
  t.teardown(() => dovecot[Symbol.asyncDispose]())
  return { postferry, dovecot }
}

const WAYS = bothDebians().flatMap((debian) => (['tcp', 'unix'] as const).map((kind) => ({ debian, kind })))

for (const { debian, kind } of WAYS) {
  t.test(`the shipped Lua over ${kind} in Dovecot ${debian.dovecot}`, async (t) => {
    const { postferry, dovecot } = await stage(t, debian, kind, { clientLimitSeconds: 1 })

    t.test('ok lets in, as whom and where postferry says', async (t) => {
      const home = join(dovecot.mailRoot, 'home of ann')
      postferry.reply = welcome(home)
      await using ann = await ImapWire.open({ host: 'localhost', port: dovecot.port, user: USER, password: PASSWORD })
      await ann.command('SELECT INBOX')
      t.ok(existsSync(join(home, 'Maildir')), 'the mail is in the given home')
      await until(
        () => /imap-login: Info: (Login|Logged in): user=<ann@new\.example>/.test(dovecot.log()),
        'the log of the login',
      )
    })

    t.test('postferry is asked with name, password, where from and how', async (t) => {
      const { path, headers, body } = postferry.asked.at(-1) as Asked
      t.equal(path, '/v1/passdb')
      t.equal(headers['content-type'], 'application/json')
      t.equal(headers.authorization, kind === 'tcp' ? `Bearer ${TOKEN}` : undefined)
      const { session, ...rest } = body
      t.match(session, /^\S{8,}$/)
      t.same(rest, { username: USER, password: PASSWORD, service: 'imap', real_rip: '127.0.0.1', secured: true })
    })

    t.test('the verdict alone decides, and everything else is "try again"', async (t) => {
      const cases = [...VERDICTS, ...NONSENSE]
      postferry.reply = (response, asked) =>
        cases[Number.parseInt(String(asked?.body.username), 10)]?.reply(response, asked)
      const before = postferry.asked.length
      await Promise.all(
        cases.map(async ({ what, seen }, index) => {
          t.match(await signIn(dovecot.port, `${index}@old.example`, PASSWORD), seen, what)
        }),
      )
      t.equal(postferry.asked.length, before + cases.length, 'each is asked once')
      await until(() => /postferry: .*old-timeout/.test(dovecot.log()), 'the log says why')
    })

    for (const [what, reply] of Object.entries(SLOW)) {
      t.test(`${what} is "try again" within the limit, is let go, and does not spoil the next sign-in`, async (t) => {
        const letGo = Promise.withResolvers<void>()
        postferry.reply = (response) => {
          response.on('close', letGo.resolve)
          reply(response)
        }
        const began = performance.now()
        t.match(await signIn(dovecot.port, USER, PASSWORD), TRY_AGAIN)
        t.ok(performance.now() - began < 30_000, 'within its limit of a second, not the usual 45 s')
        await letGo.promise
        postferry.reply = welcome(join(dovecot.mailRoot, 'ann'))
        t.match(await signIn(dovecot.port, USER, PASSWORD), IN)
      })
    }

    t.test('names and passwords arrive exactly', async (t) => {
      postferry.reply = welcome(join(dovecot.mailRoot, 'ann'))
      for (const [at, secret] of HOSTILE.entries()) {
        const name = NAMES[at % NAMES.length]
        t.match(await signIn(dovecot.port, `${name}@old.example`, secret), IN)
        const { username, password } = postferry.asked.at(-1)?.body ?? {}
        t.same({ username, password }, { username: `${name}@old.example`, password: secret })
      }
    })

    t.test('a name with characters that no address has arrives exactly, or is refused without asking', async (t) => {
      postferry.reply = welcome(join(dovecot.mailRoot, 'ann'))
      const before = postferry.asked.length
      const names = HOSTILE.map((hostile) => `${hostile}@old.example`)
      for (const name of names) {
        t.match(await signIn(dovecot.port, name, PASSWORD), debian.dovecot === '2.3' ? IN : REFUSED)
      }
      const asked = postferry.asked.slice(before).map(({ body }) => body.username)
      t.same(asked, debian.dovecot === '2.3' ? names : [])
    })

    t.test('what is not UTF-8 is refused without asking, so that no two passwords become one', async (t) => {
      postferry.reply = welcome(join(dovecot.mailRoot, 'ann'))
      const before = postferry.asked.length
      t.match(await signIn(dovecot.port, USER, Buffer.from('p\xe4ss', 'latin1')), REFUSED)
      t.match(await signIn(dovecot.port, Buffer.from('\xe4nn@old.example', 'latin1'), PASSWORD), REFUSED)
      t.equal(postferry.asked.length, before)
    })

    t.test('a look-up without password finds the home, nobody, or could not ask', async (t) => {
      const lookUp = () => askUser(join(dovecot.folder, 'run', 'auth-userdb'), USER)
      postferry.reply = json(200, { found: true, fields: { home: '/mail/ann' } })
      t.match(await lookUp(), /^USER\t1\tann@old\.example\t.*home=\/mail\/ann/)
      t.match(postferry.asked.at(-1), { path: '/v1/userdb', body: { username: USER } })
      postferry.reply = json(404, { found: false })
      t.match(await lookUp(), /^NOTFOUND\t/)
      postferry.reply = json(404, { message: 'Not Found' })
      t.match(await lookUp(), /^FAIL\t/)
      postferry.reply = json(503, {})
      t.match(await lookUp(), /^FAIL\t/)
    })

    t.test('everybody is listed, however many they are, and no part of a list is taken for all', async (t) => {
      const listed = () => dovecot.doveadm('user', '*')
      const names = Array.from({ length: 100_000 }, (_, number) => `person-${number}@old.example`)
      // Dovecot 2.4 cuts off a long list, and says so, until 2.4.3.
      for (const some of debian.dovecot === '2.3' ? [names] : [names.slice(0, 1_000), names]) {
        postferry.reply = json(200, some)
        const { exitCode, stdout } = await listed()
        const found = stdout.split('\n').slice(0, -1)
        if (some === names && debian.dovecot === '2.4' && exitCode !== 0) t.equal(exitCode, 75)
        else t.same({ exitCode, found: found.length }, { exitCode: 0, found: some.length })
        t.same(new Set(found), new Set(some.slice(0, found.length)))
      }
      t.match(postferry.asked.at(-1), { path: '/v1/userdb' })
      postferry.reply = json(200, [])
      t.match(await listed(), { exitCode: 0, stdout: '' })
      for (const reply of [
        text(200, JSON.stringify(names).slice(0, -1)),
        json(503, { code: 'database' }),
        json(403, {}),
      ]) {
        postferry.reply = reply
        t.match(await listed(), { exitCode: 75, stderr: /User listing returned failure/ })
      }
    })

    t.test('while postferry is away people see "try again", and get in as soon as it is back', async (t) => {
      postferry.reply = welcome(join(dovecot.mailRoot, 'ann'))
      t.match(await signIn(dovecot.port, USER, PASSWORD), IN)
      await postferry.close()
      t.match(await signIn(dovecot.port, USER, PASSWORD), TRY_AGAIN)
      await until(() => /postferry: .*(refused|No such file)/i.test(dovecot.log()), 'the log says why')
      await postferry.listen()
      t.match(await signIn(dovecot.port, USER, PASSWORD), IN)
    })

    if (kind === 'tcp') {
      t.test('a renewed auth token is read without a restart', async (t) => {
        const file = join(dovecot.folder, 'postferry.token')
        await writeFile(file, 'renewed')
        postferry.reply = json(403, { error: 'forbidden' })
        t.match(await signIn(dovecot.port, USER, PASSWORD), TRY_AGAIN)
        postferry.reply = welcome(join(dovecot.mailRoot, 'ann'))
        t.match(await signIn(dovecot.port, USER, PASSWORD), IN)
        t.equal(postferry.asked.at(-1)?.headers.authorization, 'Bearer renewed')
      })
    }

    t.test('no password, no token and no question is in the log at debug level', async (t) => {
      t.notMatch(dovecot.log(), new RegExp(`${PASSWORD}|${TOKEN}`))
    })
  })
}

t.test('whose client it is a webmail says whom Dovecot trusts, and nobody else', async (t) => {
  for (const { debian, kind } of WAYS) {
    for (const [trusted, client] of [
      ['127.0.0.1', '203.0.113.9'],
      ['192.0.2.1', '127.0.0.1'],
    ]) {
      const { postferry, dovecot } = await stage(t, debian, kind, {
        configuration: `login_trusted_networks = ${trusted}`,
      })
      postferry.reply = welcome(join(dovecot.mailRoot, 'ann'))
      t.match(await signIn(dovecot.port, USER, PASSWORD, '203.0.113.9'), IN)
      t.equal(postferry.asked.at(-1)?.body.real_rip, client, `${debian.dovecot}, ${kind}, ${trusted} is trusted`)
    }
  }
})

t.test('an answer may take its time: the old server is slow to refuse', async (t) => {
  await Promise.all(
    WAYS.map(async ({ debian, kind }) => {
      const { postferry, dovecot } = await stage(t, debian, kind, {})
      postferry.reply = (response) => void setTimeout(() => response.writeHead(401).end('{"verdict":"mismatch"}'), 6000)
      t.match(await signIn(dovecot.port, USER, PASSWORD), REFUSED, `${debian.dovecot}, ${kind}`)
    }),
  )
})
