import { connect } from 'node:net'
import { HANG_MS } from './until.ts'

/**
 * Signs in as a mail client does (AUTHENTICATE PLAIN, RFC 4616) and leaves again.
 * @param client for whom a webmail or proxy does so (ID x-originating-ip)
 * @returns what the client sees, without the tag and without capabilities: `OK Logged in`, `NO [UNAVAILABLE] …`
 */
export function signIn(
  port: number,
  user: string | Buffer,
  password: string | Buffer,
  client?: string,
  host = '127.0.0.1',
): Promise<string> {
  const zero = Buffer.from([0])
  const message = Buffer.concat([zero, Buffer.from(user), zero, Buffer.from(password)])
  return new Promise((resolve, reject) => {
    const socket = connect(port, host)
    let text = ''
    socket.setTimeout(HANG_MS, () => socket.destroy(new Error('no answer to the sign-in')))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`closed before the sign-in was answered: ${text}`)))
    const introduction = client === undefined ? '' : `i ID ("x-originating-ip" "${client}")\r\n`
    socket.on('connect', () => socket.write(`${introduction}a AUTHENTICATE PLAIN ${message.toString('base64')}\r\n`))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const answer = /^a (OK|NO|BAD)(?: \[CAPABILITY [^\]]*\])?(.*)\r\n/m.exec(text)
      if (!answer) return
      resolve(`${answer[1]}${answer[2]}`)
      socket.end('b LOGOUT\r\n')
    })
  })
}
