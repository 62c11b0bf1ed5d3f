import { once } from 'node:events'
import { isIP, type Socket } from 'node:net'
import { signInNames } from '../../model/master.ts'
import type { Provider } from '../../model/provider.ts'
import { within } from '../../model/timeout.ts'
import { transportTo } from '../login/transport.ts'
import { type Answer, NoSieve, Responses } from './responses.ts'

/** Scripts are small: servers allow some hundred kB, and a few of them. */
const MOST_BYTES = 16 * 1024 * 1024
const CONNECT_LIMIT_MS = 5_000
const LEAVE_LIMIT_MS = 1_000

/** Nobody listens there, or nobody answers: the cause says which. */
export class NobodyThere extends Error {}

/** The certificate is not the one that it has to be, or TLS does not come about otherwise. */
export class TlsFailed extends Error {}

/** The client's side of ManageSieve (RFC 5804), one command at a time. */
export class SieveConversation implements AsyncDisposable {
  #socket: Socket
  #responses: Responses

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#responses = responsesOf(socket)
  }

  /**
   * Connects; where the provider has any TLS, with STARTTLS, which this protocol has alone, and its certificate verified as
   * that of IMAP is.
   * @throws NobodyThere, NoSieve, TlsFailed, or an error of the connection
   */
  static async open(provider: Provider, port: number, signal: AbortSignal): Promise<SieveConversation> {
    const transport = transportTo(provider, { mostBytes: MOST_BYTES })
    const socket = await connected(transport, provider.host, port, signal)
    const conversation = new SieveConversation(socket)
    signal.addEventListener('abort', () => conversation.#socket.destroy(), { once: true })
    try {
      await conversation.#greeting()
      if (provider.tls !== 'none') await conversation.#secure(transport, provider.host, port)
      return conversation
    } catch (error) {
      conversation.#socket.destroy()
      throw error
    }
  }

  /** @throws NoSieve */
  async signIn(username: string, password: string): Promise<Answer> {
    const { authzid, authcid } = signInNames(username)
    const response = Buffer.from(`${authzid}\0${authcid}\0${password}`).toString('base64')
    return await this.say(`AUTHENTICATE "PLAIN" ${literal(response)}`)
  }

  async say(command: string): Promise<Answer> {
    this.#socket.write(`${command}\r\n`)
    return await this.#responses.answer()
  }

  async #greeting(): Promise<void> {
    const { status, lines } = await this.#responses.answer()
    const isSieve = lines.some(([name]) => String(name).toUpperCase() === 'SIEVE')
    if (status !== 'OK' || !isSieve) throw new NoSieve('no ManageSieve server greets there')
  }

  async #secure(transport: ReturnType<typeof transportTo>, host: string, port: number): Promise<void> {
    const { status } = await this.say('STARTTLS')
    if (status !== 'OK') throw new NoSieve('it does not offer STARTTLS')
    if (this.#responses.isAhead) throw new NoSieve('it says more than it was asked for before TLS begins')
    await this.#responses.release()
    const plain = this.#socket
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const servername = isIP(host) === 0 ? { servername: host } : {}
    this.#socket = transport.upgrade(plain, { host, port, ...servername }, resolve) as Socket
    this.#socket.on('error', reject).once('close', () => reject(new Error('the server closed the connection')))
    await promise.catch(({ message }: Error) => {
      throw new TlsFailed(message)
    })
    this.#responses = responsesOf(this.#socket)
    await this.#greeting()
  }

  /** The server counts the session until it has closed it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#socket.destroyed) {
      this.#socket.write('LOGOUT\r\n')
      await within(LEAVE_LIMIT_MS, once(this.#socket.resume(), 'close')).catch(() => undefined)
    }
    this.#socket.destroy()
  }
}

/** Bytes as the server is to read them. */
export function literal(text: string): string {
  return `{${Buffer.byteLength(text)}+}\r\n${text}`
}

function responsesOf(socket: Socket): Responses {
  // What breaks between two commands is reported by the second.
  socket.on('error', () => undefined)
  return new Responses(socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)
}

async function connected(
  transport: ReturnType<typeof transportTo>,
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = transport.connect({ host, port, secure: false }, resolve) as Socket
  socket.on('error', reject)
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop)
  try {
    await within(CONNECT_LIMIT_MS, promise)
    return socket
  } catch (error) {
    socket.destroy()
    signal.throwIfAborted()
    throw new NobodyThere(`no ManageSieve at ${host} port ${port}`, { cause: error })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
