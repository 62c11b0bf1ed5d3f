import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Lane, Person } from './lane.ts'

export interface AuthSettings {
  readonly kind: 'auth'
  readonly people: readonly Person[]
  readonly lanes: number
  /** Dovecot's `auth-client`. */
  readonly socket: string
}

/** Asks a Dovecot as its login processes do (doc: Dovecot Authentication Protocol, AUTH request). */
export async function authLanes({ people, lanes, socket }: AuthSettings): Promise<Lane[]> {
  const answers = people.map(({ username, password }) => Buffer.from(`\0${username}\0${password}`).toString('base64'))
  return await Promise.all(Array.from({ length: lanes }, (_, number) => openLane(socket, number, answers)))
}

async function openLane(path: string, number: number, answers: readonly string[]): Promise<Lane> {
  const socket = connect(path).setEncoding('utf8')
  await once(socket, 'connect')
  // Dovecot tells its clients apart by their process ids.
  socket.write(`VERSION\t1\t2\nCPID\t${process.pid * 1000 + number}\n`)
  await handshake(socket)
  let id = 0
  let text = ''
  let answered: ((outcome: string) => void) | undefined
  const settle = (outcome: string) => {
    const settled = answered
    answered = undefined
    settled?.(outcome)
  }
  socket.on('close', () => settle('closed'))
  socket.on('data', (chunk: string) => {
    text += chunk
    const end = text.lastIndexOf('\n')
    if (end < 0) return
    const line = text.slice(0, end)
    text = text.slice(end + 1)
    settle(line.startsWith('OK\t') ? 'OK' : line.replace(/\t(user=[^\t]*|\d+)/g, ''))
  })
  return {
    ask(person, then) {
      answered = then
      // `nologin`: nobody will fetch what Dovecot would keep for a mail process.
      socket.write(`AUTH\t${++id}\tPLAIN\tservice=imap\tsecured\tnologin\tresp=${answers[person]}\n`)
    },
  }
}

async function handshake(socket: Socket): Promise<void> {
  let text = ''
  while (!text.includes('DONE\n')) {
    const [chunk] = await once(socket, 'data', { signal: AbortSignal.timeout(5000) })
    text += chunk
  }
}
