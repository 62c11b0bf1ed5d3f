import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { NetstringReader, netstring } from '../../src/routing/socketmap-netstring.ts'

/** Asks as Postfix does (socketmap_table(5)). */
export class SocketmapClient implements AsyncDisposable {
  readonly #socket: Socket
  readonly #replies: string[] = []
  readonly #reader = new NetstringReader()
  #wake: () => void = () => undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (piece) => {
      this.#replies.push(...this.#reader.push(piece))
      this.#wake()
    })
    socket.on('error', () => undefined).on('close', () => this.#wake())
  }

  static async open(path: string): Promise<SocketmapClient> {
    const socket = connect(path)
    await once(socket, 'connect')
    return new SocketmapClient(socket)
  }

  write(text: string): void {
    this.#socket.write(text)
  }

  async ask(request: string): Promise<string> {
    return (await this.askAll([request]))[0] ?? ''
  }

  /** Asks for all before the first is answered. */
  async askAll(requests: readonly string[]): Promise<string[]> {
    this.write(requests.map(netstring).join(''))
    return await this.#take(requests.length)
  }

  async next(): Promise<string> {
    return (await this.#take(1))[0] ?? ''
  }

  async #take(count: number): Promise<string[]> {
    while (this.#replies.length < count) {
      if (this.#socket.destroyed) throw new Error('the connection is closed')
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return this.#replies.splice(0, count)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
  }
}
