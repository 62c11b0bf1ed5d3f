import { connect, type Socket } from 'node:net'

/** A mail program that sends. */
export class Smtp implements AsyncDisposable {
  readonly #socket: Socket
  #text = ''
  #waiting: { resolve: (reply: string) => void; reject: (error: Error) => void } | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#socket.setEncoding('utf8').on('data', (chunk) => {
      this.#text += chunk
      this.#settle()
    })
    this.#socket.on('error', (error) => this.#waiting?.reject(error))
    this.#socket.on('close', () => this.#waiting?.reject(new Error('the SMTP server closed the connection')))
  }

  static async open(port: number): Promise<Smtp> {
    return await Smtp.#greet(connect(port, '127.0.0.1'), 'EHLO')
  }

  /** Speaks LMTP (RFC 2033) on a Unix socket. */
  static async openLmtp(path: string): Promise<Smtp> {
    return await Smtp.#greet(connect(path), 'LHLO')
  }

  static async #greet(socket: Socket, hello: string): Promise<Smtp> {
    const smtp = new Smtp(socket)
    await smtp.#reply()
    await smtp.#command(`${hello} client.example`)
    return smtp
  }

  /** Hands over a message for one recipient. @returns the answer to the first command that is refused, or the last one */
  async deliver(recipient: string, message: string): Promise<string> {
    for (const line of ['MAIL FROM:<sender@else.example>', `RCPT TO:<${recipient}>`, 'DATA']) {
      const reply = await this.#command(line)
      if (!/^[23]/.test(reply)) return reply
    }
    return await this.#command(`${message}\r\n.`)
  }

  /** Asks whether mail for a recipient would be taken (RFC 5321, VRFY). */
  verify(recipient: string): Promise<string> {
    return this.#command(`VRFY ${recipient}`)
  }

  /** Hands over one message. @returns the answer for each recipient and, when one was taken, the one to the message */
  async send(recipients: readonly string[], message: string): Promise<string[]> {
    const answers: string[] = []
    await this.#command('MAIL FROM:<sender@else.example>')
    for (const recipient of recipients) answers.push(await this.#command(`RCPT TO:<${recipient}>`))
    if (!answers.some((answer) => answer.startsWith('2'))) await this.#command('RSET')
    else {
      await this.#command('DATA')
      answers.push(await this.#command(`${message}\r\n.`))
    }
    return answers
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
