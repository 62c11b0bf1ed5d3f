import type { Server } from 'node:http'
import { setImmediate as job } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { REQUESTS_LIMIT } from '../../../src/http/auth/overload.ts'
import { MISMATCH, type Verdict } from '../../../src/model/verdict.ts'
import { get, post, startService } from '../../support/service.ts'
import { until } from '../../support/until.ts'
import { HttpWire, type Response, request } from '../http-wire.ts'
import { onSocket } from '../scripted-listener.ts'

const QUESTION = { username: 'anna@old.example', password: 'top secret' }
const ASK = request('/v1/passdb', JSON.stringify(QUESTION))
const SHED = { success: false, verdict: 'tempfail', code: 'throttled' }

/** A turned away question says so, and that it may be asked again. */
function isShed(t: Test, response: Response | null): void {
  t.equal(response?.status, 503)
  t.same(JSON.parse(response?.body ?? '{}'), SHED)
  t.match(response?.head, /^retry-after: [1-9]/m)
}

t.test('a question beyond the crowd is turned away, until the crowd is gone', async (t) => {
  const all = Promise.withResolvers<Verdict>()
  await using listener = await onSocket({ login: () => all.promise })
  const crowd = await Promise.all(Array.from({ length: REQUESTS_LIMIT / 100 }, () => HttpWire.open(listener.socket)))
  for (const wire of crowd) wire.socket.write(Buffer.concat(Array(100).fill(ASK)))
  await until(() => listener.requests.length === REQUESTS_LIMIT, 'the crowd has asked')

  using late = await HttpWire.open(listener.socket)
  isShed(t, await late.ask(ASK))
  isShed(t, await late.ask(request('/v1/userdb', JSON.stringify({ username: 'anna@new.example' }))))
  t.equal((await get(listener.socket, '/livez')).status, 200)
  const metrics: string = (await get(listener.socket, '/metrics')).body
  for (const line of [
    `postferry_questions_in_flight ${REQUESTS_LIMIT}`,
    'postferry_shed_total{route="passdb"} 1',
    'postferry_shed_total{route="userdb"} 1',
  ]) {
    t.ok(metrics.includes(`${line}\n`), line)
  }

  all.resolve(MISMATCH)
  for (const wire of crowd) for (let answer = 0; answer < 100; answer++) await wire.response()
  t.equal((await late.ask(ASK))?.status, 401)
  t.match((await get(listener.socket, '/metrics')).body, /^postferry_questions_in_flight 0$/m)
  for (const wire of crowd) wire.socket.destroy()
})

t.test('while the event loop can hardly keep up requests are turned away before they are read', async (t) => {
  await using listener = await onSocket({})
  using wire = await HttpWire.open(listener.socket)
  t.equal((await wire.ask(ASK))?.status, 401)
  const pressure = new AbortController()
  const pressed = keepBusy(pressure.signal)
  const turnedAway = async () => {
    const answer = await wire.ask(ASK)
    return answer?.status !== 401 && { answer }
  }
  isShed(t, (await until(turnedAway, 'a question is turned away')).answer)
  const before = listener.requests.length
  using unread = await HttpWire.open(listener.socket)
  isShed(t, await unread.ask(ASK.subarray(0, -10)))
  t.equal(listener.requests.length, before)
  for (const path of ['/livez', '/metrics']) t.equal((await get(listener.socket, path)).status, 200, path)
  pressure.abort()
  await pressed
  await until(async () => (await wire.ask(ASK))?.status === 401, 'requests are answered again')
})

/** Lets each round of the event loop take longer than it may. */
async function keepBusy(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const end = performance.now() + 700
    while (performance.now() < end);
    await job()
  }
}

t.test('a client that hangs up is told to whoever works for it, one that gets its answer is not', async (t) => {
  const asked: (() => void)[] = []
  let gone = 0
  await using listener = await onSocket({
    login: ({ onGone }) => {
      const { promise, resolve } = Promise.withResolvers<Verdict>()
      onGone(() => {
        gone++
        resolve(MISMATCH)
      })
      asked.push(() => resolve(MISMATCH))
      return promise
    },
  })
  const answered = await HttpWire.open(listener.socket)
  const warnings: Error[] = []
  const warn = (warning: Error) => warnings.push(warning)
  process.on('warning', warn)
  for (let number = 0; number < 30; number++) {
    answered.socket.write(ASK)
    await until(() => asked.length > number, 'the question')
    asked[number]?.()
    t.equal((await answered.response())?.status, 401)
  }
  answered.socket.destroy()
  const impatient = await HttpWire.open(listener.socket)
  impatient.socket.write(Buffer.concat([ASK, ASK]))
  await until(() => asked.length === 32, 'two requests at once')
  t.equal(gone, 0)
  impatient.socket.destroy()
  await until(() => gone === 2, 'both are told')
  await until(
    async () => /^postferry_questions_in_flight 0$/m.test((await get(listener.socket, '/metrics')).body),
    'nothing is left',
  )
  process.off('warning', warn)
  t.same(warnings, [], 'and no listeners pile up on a connection')
})

t.test('whoever begins to work only after the client has gone is told at once', async (t) => {
  const begin = Promise.withResolvers<void>()
  let [asked, gone] = [false, false]
  await using listener = await onSocket({
    login: async ({ onGone }) => {
      asked = true
      await begin.promise
      onGone(() => {
        gone = true
      })
      return MISMATCH
    },
  })
  const impatient = await HttpWire.open(listener.socket)
  impatient.socket.write(ASK)
  await until(() => asked, 'the question')
  impatient.socket.destroy()
  await until(() => connectionsOf(listener.app.server).then((count) => count === 0), 'the connection is gone')
  begin.resolve()
  await until(() => gone, 'it is told')
  t.ok(gone)
})

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}

t.test('without the token nothing of a body is read', async (t) => {
  await using listener = await onSocket({ authToken: 'right' })
  for (const path of ['/v1/passdb', '/v1/userdb']) {
    using wire = await HttpWire.open(listener.socket)
    const answer = await wire.ask(request(path, 'no JSON', { 'content-length': '1000', authorization: 'Bearer wrong' }))
    t.match(answer, { status: 403, head: /^connection: close$/m })
    t.equal(await wire.response(), null, 'and the connection ends')
  }
  t.same(listener.requests, [])
})

t.test('a running service sets limits to what a connection may cost', async (t) => {
  t.jobs = 20
  const service = await startService()
  t.teardown(() => service[Symbol.asyncDispose]())
  const addresses = [service.socket, service.url]
  const bearer = { authorization: `Bearer ${service.token}` }
  const ask = request('/v1/passdb', JSON.stringify(QUESTION), bearer)
  const idle = await Promise.all(Array.from({ length: 500 }, (_, at) => HttpWire.open(addresses[at % 2] ?? '')))

  const open = async (t: Test, address: string, beginning: string | Buffer) => {
    const wire = await HttpWire.open(address)
    t.teardown(() => wire.socket.destroy())
    wire.socket.write(beginning)
    return wire
  }
  const dripped = (wire: HttpWire, drop: string) => {
    const timer = setInterval(() => wire.socket.write(drop), 200)
    wire.socket.on('close', () => clearInterval(timer))
  }
  const chunked = ask.toString().replace(/content-length: \d+/, 'transfer-encoding: chunked')
  const [chunkedHead = ''] = chunked.split('\r\n\r\n')

  for (const address of addresses) {
    const kind = address === service.url ? 'TCP' : 'the Unix socket'
    t.test(`${kind}: more than a question’s head or body may have is refused at once`, async (t) => {
      const refused = async (beginning: string, status: number, what: string) => {
        const wire = await open(t, address, beginning)
        t.equal((await wire.response())?.status, status, what)
        t.equal(await wire.response(), null, `${what}: the connection ends`)
      }
      await refused(`GET /livez HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431, 'one long header')
      await refused(`GET /livez HTTP/1.1\r\n${'x: y\r\n'.repeat(5_000)}\r\n`, 431, 'many headers')
      await refused(ask.toString().replace(/content-length: \d+/, 'content-length: 9000000000'), 413, 'a long body')
      const endless = `${chunkedHead}\r\n\r\n${`4000\r\n${' '.repeat(0x4000)}\r\n`.repeat(5)}`
      await refused(endless, 413, 'an endless body')
      await refused('\x16\x03\x01 no HTTP\r\n\r\n', 400, 'no HTTP')
    })

    const slow: [string, string, string | null][] = [
      ['nothing at all', '', null],
      ['a head without an end', 'POST /v1/passdb HTTP/1.1\r\nhost: x\r\n', null],
      ['a head that drips in', 'POST /v1/passdb HTTP/1.1\r\nhost: x\r\n', 'x: y\r\n'],
      ['a body without an end', ask.subarray(0, -5).toString(), null],
      ['a body that drips in', `${chunkedHead}\r\n\r\n`, '1\r\n \r\n'],
    ]
    for (const [what, beginning, drop] of slow) {
      t.test(`${kind}: ${what} is given up`, async (t) => {
        const wire = await open(t, address, beginning)
        if (drop !== null) dripped(wire, drop)
        const responses = [await wire.response(), await wire.response()]
        t.equal(responses.at(-1), null, 'the connection ends')
        t.ok([408, 400, undefined].includes(responses[0]?.status), `${responses[0]?.status}`)
      })
    }

    t.test(`${kind}: meanwhile people are answered, over and over on one connection`, async (t) => {
      using wire = await HttpWire.open(address)
      for (let times = 0; times < 5; times++) t.equal((await wire.ask(ask))?.status, 401)
      t.equal((await get(address, '/livez')).status, 200)
      t.equal((await post(address, '/v1/passdb', QUESTION, bearer)).status, 401)
    })
  }
  t.teardown(() => {
    for (const wire of idle) wire.socket.destroy()
  })
})
