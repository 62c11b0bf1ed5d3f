import { connect, type Socket } from 'node:net'
import type { Lane, Person } from './lane.ts'

export interface HttpSettings {
  readonly kind: 'http'
  readonly people: readonly Person[]
  readonly lanes: number
  readonly port: number
  readonly token: string
  /** A new connection for each question, as Dovecot's Lua script has it. */
  readonly fresh?: boolean
}

/** Asks `POST /v1/passdb` on bare sockets, so that the asking costs next to nothing. */
export async function httpLanes({ people, lanes, port, token, fresh = false }: HttpSettings): Promise<Lane[]> {
  const questions = people.map((person) => questionAbout(person, token, fresh))
  const open = () => connect({ port, host: '127.0.0.1', noDelay: true })
  return Array.from({ length: lanes }, () => {
    let line: Line | undefined
    return {
      ask(person, answered) {
        // A server closes a connection that asks nothing for a while.
        if (fresh || line === undefined || line.isClosed) line = new Line(open())
        line.ask(questions[person] as Buffer, answered)
      },
    }
  })
}

function questionAbout({ username, password }: Person, token: string, close: boolean): Buffer {
  const body = JSON.stringify({
    username,
    password,
    service: 'imap',
    real_rip: '192.0.2.7',
    session: 'bWFpbGZlcnJ5',
    secured: true,
  })
  const head = [
    'POST /v1/passdb HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Connection: ${close ? 'close' : 'keep-alive'}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

class Line {
  readonly #socket: Socket
  #text = ''
  #answered: ((outcome: string) => void) | undefined
  isClosed = false

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => this.#read(chunk))
    socket.on('error', () => this.#settle('closed'))
    socket.on('close', () => {
      this.isClosed = true
      this.#settle('closed')
    })
  }

  ask(question: Buffer, answered: (outcome: string) => void): void {
    this.#answered = answered
    this.#socket.write(question)
  }

  #read(chunk: string): void {
    this.#text += chunk
    const end = this.#text.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = Number(/\ncontent-length: *(\d+)/i.exec(this.#text)?.[1])
    if (this.#text.length < end + 4 + length) return
    const status = this.#text.slice(9, 12)
    const outcome = status === '200' ? status : `${status} ${/"code":"([^"]+)"/.exec(this.#text)?.[1] ?? ''}`
    this.#text = ''
    this.#settle(outcome)
  }

  #settle(outcome: string): void {
    const answered = this.#answered
    this.#answered = undefined
    answered?.(outcome)
  }
}
