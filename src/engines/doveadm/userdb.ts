import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'

/** What a user is answered with, as Dovecot's userdb fields. */
export type Fields = Readonly<Record<string, string | number>>

/** The field that says what Dovecot is to call the user. */
export const USER = 'user'

const ESCAPED: Readonly<Record<string, string>> = { '\0': '0', '\x01': '1', '\t': 't', '\n': 'n', '\r': 'r' }
const LINE_LIMIT = 8192

/**
 * Dovecot's auth protocol as far as doveadm asks it: where users live, and the password for the source, which so is in
 * no file, argument or environment. The socket is its owner's alone.
 */
export async function serveUserdb(path: string, users: ReadonlyMap<string, Fields>): Promise<AsyncDisposable> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket)).on('error', () => undefined)
    socket.write(`VERSION\t1\t1\nSPID\t${process.pid}\n`)
    let rest = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) socket.write(answer(line, users))
      if (rest.length > LINE_LIMIT) socket.destroy()
    })
  })
  server.listen(path)
  await once(server, 'listening')
  chmodSync(path, 0o600)
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answer(line: string, users: ReadonlyMap<string, Fields>): string {
  const [command, id, name = ''] = line.split('\t')
  if (command !== 'USER') return ''
  const fields = users.get(name)
  if (fields === undefined) return `NOTFOUND\t${id}\n`
  const { [USER]: user = name, ...others } = fields
  const values = Object.entries(others).map(([field, value]) => `${field}=${escaped(value)}`)
  return `${['USER', id, escaped(user), ...values].join('\t')}\n`
}

function escaped(value: string | number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  return String(value).replace(/[\0\x01\t\n\r]/g, (character) => `\x01${ESCAPED[character]}`)
}
