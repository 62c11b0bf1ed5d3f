import { once } from 'node:events'
import net from 'node:net'
import { createInterface } from 'node:readline'

interface Pop3Account {
  readonly port: number
  readonly user: string
  readonly password: string
}

/** How a POP3 server calls each message: by its subject, what UIDL says (RFC 1939). In the clear, on loopback. */
export async function uidlsOf({ port, user, password }: Pop3Account): Promise<ReadonlyMap<string, string>> {
  const socket = net.connect({ host: '127.0.0.1', port })
  await once(socket, 'connect')
  try {
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
    const line = async () => {
      const { value, done } = await lines.next()
      if (done) throw new Error('the POP3 server hung up')
      return value as string
    }
    const say = async (command: string) => {
      socket.write(`${command}\r\n`)
      return await line()
    }
    const many = async (command: string) => {
      const answer = await say(command)
      if (!answer.startsWith('+OK')) throw new Error(`${command}: ${answer}`)
      const found: string[] = []
      for (let next = await line(); next !== '.'; next = await line()) found.push(next)
      return found
    }
    await line()
    await say(`USER ${user}`)
    const answer = await say(`PASS ${password}`)
    if (!answer.startsWith('+OK')) throw new Error(`signing in: ${answer}`)
    const found = new Map<string, string>()
    for (const listed of await many('UIDL')) {
      const [number = '', uidl = ''] = listed.split(' ')
      const subject = (await many(`TOP ${number} 0`)).find((header) => /^subject:/i.test(header))
      found.set(subject?.slice('subject:'.length).trim() ?? '', uidl)
    }
    socket.write('QUIT\r\n')
    return found
  } finally {
    socket.destroy()
  }
}
