import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Certificate } from './certificates.ts'

/** The server's end of one connection. */
export class Connection {
  socket: Socket
  #text = ''

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
  }

  readonly say = (...lines: (string | Buffer)[]): this => {
    for (const line of lines) if (this.socket.writable) this.socket.write(line, 'latin1')
    return this
  }

  /** The next line of the client without its end, each byte a character; null when there is none any more. */
  async line(): Promise<string | null> {
    const end = () => this.#text.indexOf('\r\n')
    if (!(await this.#fill(() => end() >= 0))) return null
    return this.#take(end(), 2)
  }

  async bytes(count: number): Promise<string | null> {
    return (await this.#fill(() => this.#text.length >= count)) ? this.#take(count, 0) : null
  }

  /** Takes what the client says, to its end. */
  async closed(): Promise<void> {
    await this.#fill(() => false)
  }

  /** Goes on in TLS. */
  async secure({ cert, key }: Certificate): Promise<void> {
    this.socket.removeAllListeners('data')
    const secure = new TLSSocket(this.socket, { isServer: true, cert: readFileSync(cert), key: readFileSync(key) })
    this.socket = secure.on('error', () => undefined)
    await Promise.race([once(secure, 'secure'), once(secure, 'close')]).catch(() => undefined)
  }

  readonly end = (): void => {
    this.socket.end()
  }

  readonly reset = (): void => {
    this.socket.resetAndDestroy()
  }

  async #fill(enough: () => boolean): Promise<boolean> {
    while (!enough()) {
      const chunk = this.socket.read() as Buffer | null
      if (chunk !== null) this.#text += chunk.toString('latin1')
      else if (this.socket.destroyed || this.socket.readableEnded) return false
      else await this.#news()
    }
    return true
  }

  async #news(): Promise<void> {
    const stop = new AbortController()
    const events = ['readable', 'end', 'close'].map((event) => once(this.socket, event, { signal: stop.signal }))
    await Promise.race(events).catch(() => undefined)
    stop.abort()
    await Promise.allSettled(events)
  }

  #take(length: number, skip: number): string {
    const taken = this.#text.slice(0, length)
    this.#text = this.#text.slice(length + skip)
    return taken
  }
}

export interface ScriptedImap extends AsyncDisposable {
  readonly port: number
  /** Connections that were taken, ever. */
  readonly taken: number
  /** Connections that are open now. */
  readonly open: number
}

/** An IMAP server that says what it is told to, for what no real one can be made to say. */
export async function startScriptedImap(
  talk: (connection: Connection) => unknown,
  tls?: Certificate,
): Promise<ScriptedImap> {
  const sockets = new Set<Socket>()
  let taken = 0
  const server = createServer(async (socket) => {
    taken++
    sockets.add(socket.on('close', () => sockets.delete(socket)))
    const connection = new Connection(socket)
    if (tls) await connection.secure(tls)
    await talk(connection)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get taken() {
      return taken
    },
    get open() {
      return sockets.size
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** One sign-in as the server sees it. */
export interface Tried {
  readonly connection: Connection
  readonly tag: string
  readonly way: 'LOGIN' | 'PLAIN' | 'SASL LOGIN'
  readonly username: string
  readonly password: string
}

export interface Script {
  readonly greeting?: string
  readonly capability?: string
  /** Answers a command in its own way; false: in the usual one. */
  readonly command?: (connection: Connection, tag: string, name: string, rest: string) => unknown
  readonly signIn?: (tried: Tried) => unknown
  /** After STARTTLS. */
  readonly certificate?: Certificate
}

/** How a ClientHello begins (RFC 8446, section 5.1). */
const TLS_RECORD = '\x16\x03'

/** Talks as an ordinary server does, but for what the script says otherwise. */
export function scripted(script: Script): (connection: Connection) => Promise<void> {
  const { greeting = '* OK ready\r\n', capability = 'IMAP4rev1 ID', command, signIn } = script
  return async (connection) => {
    connection.say(greeting)
    for (let line = await connection.line(); line !== null; line = await connection.line()) {
      // TLS, which the script does not speak: a line's end can be in it by chance.
      if (line.startsWith(TLS_RECORD)) {
        await connection.closed()
        break
      }
      const [, tag = '', name = '', rest = ''] = /^(\S+) (\S+) ?(.*)$/.exec(line) ?? []
      const own = command ? await command(connection, tag, name.toUpperCase(), rest) : false
      if (own !== false) continue
      switch (name.toUpperCase()) {
        case 'CAPABILITY':
          connection.say(`* CAPABILITY ${capability}\r\n${tag} OK done\r\n`)
          break
        case 'STARTTLS':
          connection.say(`${tag} OK begin\r\n`)
          if (script.certificate) await connection.secure(script.certificate)
          break
        case 'LOGIN':
        case 'AUTHENTICATE': {
          const tried = await credentialsOf(connection, tag, name.toUpperCase(), rest)
          if (tried !== null) await signIn?.(tried)
          break
        }
        case 'LOGOUT':
          connection.say(`* BYE\r\n${tag} OK bye\r\n`)
          connection.end()
          break
        default:
          connection.say(`${tag} OK done\r\n`)
      }
    }
    connection.end()
  }
}

async function credentialsOf(connection: Connection, tag: string, name: string, rest: string): Promise<Tried | null> {
  if (name === 'LOGIN') {
    const words = await stringsOf(connection, rest)
    return words && { connection, tag, way: 'LOGIN', username: words[0] ?? '', password: words[1] ?? '' }
  }
  const [mechanism = '', initial] = rest.split(' ')
  const ask = async (challenge: string) => {
    connection.say(`+ ${challenge}\r\n`)
    return Buffer.from((await connection.line()) ?? '', 'base64').toString()
  }
  if (mechanism.toUpperCase() === 'LOGIN') {
    const username = await ask('VXNlcm5hbWU6')
    return { connection, tag, way: 'SASL LOGIN', username, password: await ask('UGFzc3dvcmQ6') }
  }
  const response = initial === undefined ? await ask('') : Buffer.from(initial, 'base64').toString()
  const [, username = '', password = ''] = response.split('\0')
  return { connection, tag, way: 'PLAIN', username, password }
}

/** The strings at the end of a command: quoted, literal or bare. */
async function stringsOf(connection: Connection, rest: string): Promise<string[] | null> {
  const strings: string[] = []
  let text = rest
  while (text !== '') {
    const [whole = '', quoted, size, bare] = /^ ?(?:"((?:[^"\\]|\\.)*)"|\{(\d+)\+?\}|(\S+))/.exec(text) ?? []
    // RFC 3501, section 4.3: what is not ASCII comes as a literal.
    if (whole === '' || /[^\x20-\x7e]/.test(whole)) return null
    text = text.slice(whole.length)
    if (size !== undefined) {
      connection.say('+ go on\r\n')
      const literal = await connection.bytes(Number(size))
      if (literal === null) return null
      strings.push(utf8(literal))
      text = (await connection.line()) ?? ''
    } else strings.push(utf8(quoted?.replace(/\\(.)/g, '$1') ?? bare ?? ''))
  }
  return strings
}

function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
