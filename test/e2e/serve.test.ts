import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { HttpWire } from '../http/http-wire.ts'
import { mustRun } from '../support/ferry.ts'
import { MAIN } from '../support/program.ts'
import { get, post, runPostferry, runProgram, startService } from '../support/service.ts'
import { HANG_MS, until } from '../support/until.ts'

const HANG_UP = join(import.meta.dirname, '../support/hang-up.py')

const folder = mkdtempSync(join(tmpdir(), 'postferry-serve-'))
t.after(() => rmSync(folder, { recursive: true }))

t.test(
  'a first start makes everything that is needed, readable by its user alone, and tells the next steps',
  async (t) => {
    await using service = await startService()
    const mode = (name: string) => statSync(join(service.dataDir, name)).mode & 0o777
    for (const secret of ['auth-token', 'admin-token', 'identity']) t.equal(mode(secret), 0o600, secret)
    t.equal(mode('postferry.sock'), 0o660)
    t.match(service.log(), /bin\/postferry provider add .*\n.*provider test .*\n.*domain add /)
    const question = { username: 'a@b', password: 'x' }
    const token = { authorization: `Bearer ${service.token}` }
    t.match(await post(service.url, '/v1/passdb', question), { status: 403, body: { verdict: undefined } })
    t.match(await post(service.url, '/v1/passdb', question, token), { status: 401 })
    t.match(await get(service.url, '/readyz'), { status: 200 })
  },
)

t.test('a later start continues with the same tokens, key and data', async (t) => {
  await using service = await startService()
  const kept = () =>
    ['auth-token', 'identity', 'recipients'].map((name) => readFileSync(join(service.dataDir, name), 'utf8'))
  const before = kept()
  await mustRun(service, 'provider', 'add', 'old', '--host', 'imap.old.example')
  t.equal(await service.stop(), 0, 'SIGTERM ends it well')
  t.notOk(existsSync(join(service.dataDir, 'postgres/postmaster.pid')), 'and its database with it')
  await service.start()
  t.same(kept(), before)
  t.match(await mustRun(service, 'provider', 'list'), /imap\.old\.example/)
})

t.test('SIGTERM ends it within seconds, whoever holds a connection open', async (t) => {
  await using service = await startService()
  const silent = connect(service.socket)
  silent.on('error', () => undefined)
  await once(silent, 'connect')
  const stopped = await Promise.race([service.stop(), wait(HANG_MS, 'still there', { ref: false })])
  silent.destroy()
  t.equal(stopped, 0)
})

t.test('SIGTERM under load: who can be answered is, who cannot is told to try again, and it ends', async (t) => {
  await using old = await startSilence()
  await using service = await startService({ POSTFERRY_LIMIT_CLIENT: '0' })
  await mustRun(service, ...['provider', 'add', 'old', '--host', '127.0.0.1', '--port', `${old.port}`, '--tls', 'none'])
  await mustRun(service, 'domain', 'add', 'old.example', '--provider', 'old')
  const token = { authorization: `Bearer ${service.token}` }
  const idle = await Promise.all(Array.from({ length: 100 }, () => HttpWire.open(service.url)))
  for (const wire of idle.slice(0, 50)) wire.socket.write('POST /v1/passdb HTTP/1.1\r\nhost: x\r\n')
  const ask = (username: string, place = service.socket) =>
    post(place, '/v1/passdb', { username, password: 'x' }, token).then(
      ({ body }) => body.verdict ?? 'no verdict',
      () => 'cut off',
    )
  // These wait for the source for longer than the service has, and some of them for a place to ask it.
  const waiting = Array.from({ length: 40 }, (_, number) => ask(`p${number}@old.example`, service.url))
  await until(() => old.connections() > 0, 'the source is being asked')
  const strangers: string[] = []
  const load = Array.from({ length: 8 }, async () => {
    for (let answer = ''; answer !== 'cut off'; strangers.push(answer)) answer = await ask('nobody@else.example')
  })
  await until(() => strangers.length > 10, 'the load')

  const began = performance.now()
  const stopped = await Promise.race([service.stop(), wait(HANG_MS, 'still there', { ref: false })])
  t.comment(`ended after ${Math.round(performance.now() - began)} ms`)
  t.equal(stopped, 0)
  for (const answer of await Promise.all(waiting)) t.ok(['tempfail', 'no verdict', 'cut off'].includes(answer), answer)
  await Promise.all(load)
  t.notOk(strangers.includes('ok'))
  t.ok(strangers.includes('mismatch'))
  await until(() => old.connections() === 0, 'the source is left alone')
  for (const wire of idle) wire.socket.destroy()
})

/** An old server that takes connections and says nothing. */
async function startSilence() {
  const open = new Set<Socket>()
  const server = createTcpServer((socket) => {
    open.add(socket.on('error', () => undefined).on('close', () => open.delete(socket)))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => open.size,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}

t.test('when its terminal is closed, it ends as well', async (t) => {
  await using service = await startService()
  await service.stop()
  const program = ['postferry provider test', process.execPath, MAIN, 'serve']
  const { exitCode, stderr } = await runProgram('python3', [HANG_UP, ...program], service.environment)
  t.equal(exitCode, 0, stderr)
  t.notOk(existsSync(join(service.dataDir, 'postgres/postmaster.pid')), 'and its database with it')
})

t.test('a log whose disk is full keeps nobody from an answer, nor the service from its end', async (t) => {
  await using service = await startService()
  await service.stop()
  const program = ['exec "$@" 2>/dev/full', 'sh', process.execPath, MAIN, 'serve']
  const serving = spawn('sh', ['-c', ...program], { env: service.environment, stdio: 'ignore' })
  const ended = once(serving, 'exit')
  t.teardown(() => serving.kill('SIGKILL'))
  const answers = () =>
    service.passdb('a@b.example', 'x').then(
      ({ status }) => status === 401,
      () => false,
    )
  await until(async () => serving.exitCode !== null || (await answers()), 'an answer')
  serving.kill('SIGTERM')
  t.same(await Promise.race([ended, wait(HANG_MS, 'still there', { ref: false })]), [0, null])
})

t.test('after a SIGKILL the next start continues', async (t) => {
  await using service = await startService()
  await mustRun(service, 'provider', 'add', 'old', '--host', 'imap.old.example')
  await service.stop('SIGKILL')
  await service.start()
  t.match(await get(service.socket, '/readyz'), { status: 200 })
  t.match(await mustRun(service, 'provider', 'list'), /imap\.old\.example/)
})

t.test('a second one on the same data directory is refused in one line', async (t) => {
  await using service = await startService()
  const second = await runPostferry(['serve'], { ...service.environment, POSTFERRY_PORT: '0' })
  t.equal(second.exitCode, 69)
  t.equal(second.stderr, `postferry: another "postferry serve" runs on the data directory ${service.dataDir}\n`)
  t.match(await get(service.socket, '/readyz'), { status: 200 }, 'the first one goes on')
})

t.test('a socket that another service listens on is left to it', async (t) => {
  await using service = await startService()
  const dataDir = join(folder, 'other')
  const settings = { POSTFERRY_DATA_DIR: dataDir, POSTFERRY_PORT: '0', POSTFERRY_SOCKET: service.socket }
  t.match(await runPostferry(['serve'], settings), {
    exitCode: 69,
    stderr: /POSTFERRY_SOCKET: another program listens/,
  })
  t.match(await get(service.socket, '/readyz'), { status: 200 })
})

t.test('a port in use is told in one line that names the setting', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as { port: number }
  const dataDir = join(folder, 'port')
  const ended = await runPostferry(['serve'], { POSTFERRY_DATA_DIR: dataDir, POSTFERRY_PORT: `${port}` })
  other.close()
  t.match(ended, { exitCode: 69, stdout: '' })
  t.match(
    ended.stderr,
    new RegExp(`postferry: POSTFERRY_HOST, POSTFERRY_PORT: cannot listen on 127.0.0.1 port ${port}`),
  )
  t.notMatch(ended.stderr, /\n {4}at /)
  t.notOk(existsSync(join(dataDir, 'postgres/postmaster.pid')))
})

t.test('wrong settings stop the start with one line that names them, before anything is made', async (t) => {
  const file = join(folder, 'not-a-key')
  writeFileSync(file, 'no age identity\n')
  const cases: [NodeJS.ProcessEnv, RegExp][] = [
    [{ POSTFERRY_PORT: '99999' }, /POSTFERRY_PORT must be a port/],
    [{ POSTFERRY_LOG_LEVEL: 'loud' }, /POSTFERRY_LOG_LEVEL must be one of/],
    [{ POSTFERRY_HOME: 'relative/%n' }, /POSTFERRY_HOME must be an absolute path/],
    [{ POSTFERRY_HOME: '/srv/mail' }, /POSTFERRY_HOME must tell people apart/],
    [{ DATABASE_URL: 'mysql://secret-of-db@host/x' }, /DATABASE_URL must be a postgresql:\/\/ URL/],
    [{ POSTFERRY_RECIPIENTS: 'age1nonsense' }, /POSTFERRY_RECIPIENTS must be age public keys/],
    [{ POSTFERRY_AUTH_TOKEN_FILE: '/nowhere' }, /POSTFERRY_AUTH_TOKEN_FILE: cannot read \/nowhere \(ENOENT\)/],
    [
      { POSTFERRY_HOST: '0.0.0.0', POSTFERRY_PORT: '1' },
      /POSTFERRY_HOST=0\.0\.0\.0 is open .* POSTFERRY_PLAIN_HTTP=yes/,
    ],
    [{ POSTFERRY_ADMIN_TOKEN: 'secret-of-db' }, /POSTFERRY_ADMIN_TOKEN must have 32 characters at least/],
    [{ POSTFERRY_IDENTITY_FILE: file }, /POSTFERRY_IDENTITY_FILE: cannot read .*not-a-key/],
  ]
  const dataDir = join(folder, 'settings')
  for (const [settings, line] of cases) {
    const ended = await runPostferry(['serve'], { POSTFERRY_DATA_DIR: dataDir, POSTFERRY_PORT: '0', ...settings })
    t.equal(ended.exitCode, 78, `${Object.keys(settings)}`)
    t.match(ended.stderr, line)
    t.match(ended.stderr, /^postferry: [^\n]*\n$/)
    t.notMatch(ended.stderr, /secret-of-db/)
    t.notOk(existsSync(join(dataDir, 'postgres')))
  }
})

t.test('a weak token in the data directory stops the start', async (t) => {
  const dataDir = join(folder, 'token')
  mkdirSync(dataDir)
  writeFileSync(join(dataDir, 'auth-token'), 'guess-me\n')
  const ended = await runPostferry(['serve'], { POSTFERRY_DATA_DIR: dataDir, POSTFERRY_PORT: '0' })
  t.match(ended, { exitCode: 78, stderr: /auth-token must have 32 characters at least/ })
  t.notMatch(ended.stderr, 'guess-me')
})

t.test('recipients that are none stop the start', async (t) => {
  const dataDir = join(folder, 'recipients')
  mkdirSync(dataDir)
  writeFileSync(join(dataDir, 'recipients'), 'garbage\n')
  const ended = await runPostferry(['serve'], { POSTFERRY_DATA_DIR: dataDir, POSTFERRY_PORT: '0' })
  t.match(ended, { exitCode: 78, stderr: /recipients does not hold age public keys/ })
})

t.test('a data directory that cannot be used is told in one line', async (t) => {
  const file = join(folder, 'a-file')
  writeFileSync(file, '')
  const ended = await runPostferry(['serve'], { POSTFERRY_DATA_DIR: join(file, 'data'), POSTFERRY_PORT: '0' })
  t.match(ended.stderr, /^postferry: [^\n]*a-file[^\n]*\n$/)
  t.not(ended.exitCode, 0)
})

t.test('a socket’s name that is too long is told in one line', async (t) => {
  const deep = join(folder, 'x'.repeat(110))
  mkdirSync(deep)
  const ended = await runPostferry(['serve'], { POSTFERRY_DATA_DIR: deep, POSTFERRY_PORT: '0' })
  t.match(ended, { exitCode: 69, stderr: /POSTFERRY_SOCKET: .* longer than/ })
})

t.end()
