import { connect, type Socket } from 'node:net'

/** A mail program that sends. */
export class Smtp implements AsyncDisposable {
  readonly #socket: Socket
  #text = ''
  #waiting: { resolve: (reply: string) => void; reject: (error: Error) => void } | undefined

  private constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.setEncoding('utf8').on('data', (chunk) => {
      this.#text += chunk
      this.#settle()
    })
    this.#socket.on('error', (error) => this.#waiting?.reject(error))
    this.#socket.on('close', () => this.#waiting?.reject(new Error('the SMTP server closed the connection')))
  }

  static async open(port: number): Promise<Smtp> {
    const smtp = new Smtp(port)
    await smtp.#reply()
    await smtp.#command('EHLO client.example')
    return smtp
  }

  /** Signs in (RFC 4954). @returns the last line of the answer */
  signIn(user: string, password: string): Promise<string> {
    return this.#command(`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
  }

  #command(line: string): Promise<string> {
    this.#socket.write(`${line}\r\n`)
    return this.#reply()
  }

  #reply(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#settle()
    })
  }

  #settle(): void {
    const [, reply] = /^(\d{3} .*)\r\n/m.exec(this.#text) ?? []
    if (reply === undefined || this.#waiting === undefined) return
    this.#text = ''
    this.#waiting.resolve(reply)
    this.#waiting = undefined
  }
}
