import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { startFerry } from '../support/ferry.ts'
import { headOf, misframed, name, password, questionIn, type Sent, sent } from './hostile.ts'
import { HttpWire, type Response, request } from './http-wire.ts'
import { onSocket } from './scripted-listener.ts'

// A failure is repeated with the seed that it prints; the soak looks longer.
const SEED = Number(process.env.FUZZ_SEED ?? randomInt(2 ** 31))
const RUNS = Number(process.env.FUZZ_RUNS ?? (process.env.POSTFERRY_SOAK === undefined ? 30_000 : 300_000))
t.comment(`FUZZ_SEED=${SEED} FUZZ_RUNS=${RUNS}`)

const GOOD = request('/v1/passdb', JSON.stringify({ username: 'anna@old.example', password: 'top secret' }))
const REFUSED = [400, 403, 404, 405, 408, 413, 415, 417, 431, 501]

/** Bytes to somebody over a connection that is kept as long as it lasts. */
class Talk implements Disposable {
  readonly #address: string
  #wire: HttpWire | null = null

  constructor(address: string) {
    this.#address = address
  }

  async ask(bytes: Buffer): Promise<Response | null> {
    if (this.#wire === null || this.#wire.socket.destroyed) this.#wire = await HttpWire.open(this.#address)
    const response = await this.#wire.ask(bytes)
    if (response === null || /^connection: close/m.test(response.head)) this[Symbol.dispose]()
    return response
  }

  [Symbol.dispose](): void {
    this.#wire?.socket.destroy()
    this.#wire = null
  }
}

function framed(one: Sent): Buffer {
  return Buffer.concat([Buffer.from(headOf(one, `content-length: ${one.body.length}`), 'latin1'), one.body])
}

/** @throws when it is no refusal of the request itself */
function mustRefuse(response: Response | null): void {
  assert.ok(response !== null && REFUSED.includes(response.status), `answered ${JSON.stringify(response)}`)
  assert.doesNotMatch(response.body, /verdict/)
}

/** Whether the auth API has to ask about a login. */
function isQuestion({ method, path, contentType, body }: Sent): boolean {
  const fits = method === 'POST' && /^\/v1\/passdb(\?|$)/.test(path) && contentType === 'application/json'
  // Names that would change an object’s prototype are refused, however they are written.
  const isPoisoned = /proto|constructor|\\u/.test(body.toString('latin1'))
  return fits && body.length <= 64 * 1024 && !isPoisoned && questionIn(body) !== null
}

t.test('whatever is sent to the auth API is refused, or asked exactly as it was sent', async (t) => {
  await using listener = await onSocket({})
  using talk = new Talk(listener.socket)
  let passed = 0
  await fc.assert(
    fc.asyncProperty(sent, async (one) => {
      listener.requests.length = 0
      listener.logged.length = 0
      const response = await talk.ask(framed(one))
      const [question] = listener.requests as { username: string; password: string }[]
      if (question === undefined) {
        assert.ok(!isQuestion(one), 'a question is asked')
        return mustRefuse(response)
      }
      passed++
      const { username, password } = question
      assert.deepEqual({ username, password }, questionIn(one.body))
      assert.equal(response?.status, 401)
      assert.deepEqual(JSON.parse(response.body), { success: false, verdict: 'mismatch' })
    }),
    { seed: SEED, numRuns: RUNS },
  )
  t.ok(passed > RUNS / 20, `${passed} of ${RUNS} were questions`)
  t.equal((await talk.ask(GOOD))?.status, 401, 'and a good one is asked afterwards')
})

t.test('a body that is not as long as its head says is no question of its own', async (t) => {
  await using listener = await onSocket({})
  await fc.assert(
    fc.asyncProperty(misframed, async ([one, framing]) => {
      using wire = await HttpWire.open(listener.socket)
      wire.socket.end(Buffer.concat([Buffer.from(headOf(one, framing), 'latin1'), one.body]))
      for (let response = await wire.response(); response !== null; response = await wire.response()) {
        if (response.status !== 401) mustRefuse(response)
        else assert.deepEqual(JSON.parse(response.body), { success: false, verdict: 'mismatch' })
      }
    }),
    { seed: SEED, numRuns: Math.ceil(RUNS / 50) },
  )
  using talk = new Talk(listener.socket)
  t.equal((await talk.ask(GOOD))?.status, 401, 'and a good one is asked afterwards')
})

t.test('the running service refuses all of it, and lets in who may come in', async (t) => {
  const unlimited = { POSTFERRY_LIMIT_PERSON: '0', POSTFERRY_LIMIT_CLIENT: '0', POSTFERRY_LIMIT_PROVIDER: '0' }
  await using ferry = await startFerry({ 'anna@old.example': 'correct horse' }, unlimited)
  const anything = fc.sample(sent, { seed: SEED, numRuns: Math.ceil(RUNS / 80) }).map(framed)
  const strangers = fc
    .sample(fc.record({ username: name, password }), { seed: SEED, numRuns: Math.ceil(RUNS / 250) })
    .map((question) => request('/v1/passdb', JSON.stringify(question)))
  const statuses = await inLanes(32, ferry.service.socket, [...anything, ...strangers])
  t.comment(JSON.stringify(statuses))
  t.ok((statuses[401] ?? 0) > RUNS / 300, 'many were questions')
  t.match(await ferry.service.passdb('anna@old.example', 'correct horse'), { status: 200, body: { verdict: 'ok' } })
  t.notMatch(ferry.service.log(), /"level":(50|60)/, 'and nothing went wrong inside')
})

/** Sends all of it over so many connections at a time. @returns how often each status came */
async function inLanes(lanes: number, address: string, all: readonly Buffer[]): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  const left = all.values()
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      using talk = new Talk(address)
      for (const bytes of left) {
        const response = await talk.ask(bytes)
        mustRefuseOrSayWhy(response)
        statuses[response?.status ?? 0] = (statuses[response?.status ?? 0] ?? 0) + 1
      }
    }),
  )
  return statuses
}

function mustRefuseOrSayWhy(response: Response | null): void {
  if (response?.status === 401) assert.equal(JSON.parse(response.body).verdict, 'mismatch')
  else if (response?.status === 503) assert.match(response.body, /"verdict":"tempfail","code":"(old|throttled)/)
  else mustRefuse(response)
}
