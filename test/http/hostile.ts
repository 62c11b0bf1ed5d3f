import fc from 'fast-check'

/** What somebody sends to a listener: a request line, header fields and bytes. */
export interface Sent {
  readonly method: string
  readonly path: string
  readonly contentType: string | null
  readonly body: Buffer
}

const GOOD = '{"username":"anna@old.example","password":"top secret","service":"imap","secured":true}'

const WORDS = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'username', 'password', 'real_rip', 'service', 'verdict'],
  ...[
    'anna@old.example',
    'a@b',
    '@',
    'ok',
    '../../etc/passwd',
    "' or 1=1 --",
    '%u',
    '{{7*7}}',
    '\0',
    '\r\nx: y',
    '\u202e',
  ],
]
const word = fc.constantFrom(...WORDS)
const text = fc.oneof(word, fc.string({ maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 12 }))
const value = fc.oneof(
  { weight: 4, arbitrary: text },
  fc.constantFrom(null, true, false, 0, -0, 1e308, Number.MIN_VALUE, [], {}, [[]], ['a@b']),
  fc.integer(),
  fc.double({ noDefaultInfinity: true, noNaN: true }),
  fc.jsonValue({ maxDepth: 2 }),
)

/** Text that people take for a name: what no address is, and what looks nearly like one. */
export const name = fc.oneof(
  { weight: 2, arbitrary: text },
  fc.tuple(text, text).map((parts) => parts.join('@')),
  fc
    .tuple(text, fc.constantFrom('old.example', 'OLD.example.', 'old.example@old.example', 'oId.example'))
    .map(([local, domain]) => `${local}@${domain}`),
)
export const password = fc.oneof(text, fc.string({ unit: 'grapheme', maxLength: 40 }))

/** A question with every field of any type, or missing, or there twice. */
const fields = fc
  .tuple(fc.array(fc.tuple(fc.oneof({ weight: 3, arbitrary: word }, text), value), { maxLength: 6 }), fc.boolean())
  .map(([pairs, whole]) => {
    const members = pairs.map(([key, member]) => `${JSON.stringify(key)}:${JSON.stringify(member)}`)
    if (whole) members.push('"username":"anna@old.example"', '"password":"x"')
    return `{${members.join(',')}}`
  })

const question = fc
  .record({ username: name, password, real_rip: value, service: value, session: value, secured: value })
  .map((whole) => JSON.stringify(whole))

const nested = fc
  .tuple(fc.constantFrom('[', '{"a":', '{"username":', '[{"password":'), fc.integer({ min: 1, max: 9_000 }))
  .map(([open, depth]) => `{"username":"a@b","password":"x","service":${open.repeat(depth)}`)
const closed = fc
  .integer({ min: 1, max: 25_000 })
  .map((depth) => `{"username":"a@b","password":"x","session":${'['.repeat(depth)}${']'.repeat(depth)}}`)
const huge = fc
  .tuple(fc.constantFrom('x', '\u0000', '😀', '"', '\ud800'), fc.integer({ min: 1, max: 70_000 }))
  .map(([unit, length]) => JSON.stringify({ username: 'a@b', password: unit.repeat(length) }))

/** A good question with some of its bytes changed, taken out or put in. */
const bent = fc
  .array(fc.tuple(fc.nat(GOOD.length), fc.nat(2), fc.uint8Array({ minLength: 1, maxLength: 3 })), {
    minLength: 1,
    maxLength: 3,
  })
  .map((changes) => {
    let bytes = Buffer.from(GOOD)
    for (const [at, length, insert] of changes) {
      bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + length)])
    }
    return bytes
  })

const body: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 30, arbitrary: fields.map((text) => Buffer.from(text)) },
  { weight: 20, arbitrary: question.map((text) => Buffer.from(text)) },
  { weight: 20, arbitrary: bent },
  { weight: 10, arbitrary: fc.json({ maxDepth: 3 }).map((text) => Buffer.from(text)) },
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 8, arbitrary: text.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.oneof(nested, closed, huge).map((text) => Buffer.from(text)) },
)

const TYPES = [
  ...['application/json; charset=utf-16', 'APPLICATION/JSON', 'text/plain', 'application/x-www-form-urlencoded', '*/*'],
  ...['application/json; charset="', ';', '/', 'application/', 'application/json, text/html', '\xff', 'x'.repeat(500)],
]
const contentType = fc.oneof(
  { weight: 20, arbitrary: fc.constant('application/json') },
  fc.constantFrom(null, ...TYPES),
)

// Whoever may ask here may also ask who is there: that is no question, and not refused.
const isList = ({ method, path }: Sent) => method === 'GET' && path === '/v1/userdb'

const anything: fc.Arbitrary<Sent> = fc.record({
  method: fc.oneof({ weight: 30, arbitrary: fc.constant('POST') }, fc.constantFrom('GET', 'PUT', 'DELETE', 'QUERY')),
  path: fc.oneof(
    { weight: 30, arbitrary: fc.constant('/v1/passdb') },
    fc.constantFrom('/v1/userdb', '/v1/passdb/', '/v1/passdb?a=__proto__', '//v1/passdb', '/v1/%2e%2e', '/%', '*'),
  ),
  contentType,
  body,
})
export const sent = anything.filter((one) => !isList(one))

/** Requests whose body is not as long as they say. */
export const misframed = fc.tuple(
  sent,
  fc.constantFrom(
    ...['content-length: 3', 'content-length: 99999', 'content-length: -1', 'content-length: 1e3', 'content-length:'],
    ...['content-length: 3\r\ncontent-length: 4', 'transfer-encoding: chunked', 'transfer-encoding: gzip', 'x: y'],
    ...['transfer-encoding: chunked\r\ncontent-length: 3', 'expect: 100-continue', 'expect: 200-ok', 'upgrade: h2c'],
  ),
)

export function headOf({ method, path, contentType }: Sent, framing: string): string {
  const type = contentType === null ? '' : `content-type: ${contentType}\r\n`
  return `${method} ${path} HTTP/1.1\r\nhost: localhost\r\n${type}${framing}\r\n\r\n`
}

/** The login in a body as the auth API has to understand it; null when there is none. */
export function questionIn(body: Buffer): { username: string; password: string } | null {
  try {
    const parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    if (typeof parsed?.username !== 'string' || typeof parsed?.password !== 'string') return null
    return { username: parsed.username, password: parsed.password }
  } catch {
    return null
  }
}
