import { connect } from 'node:net'
import { HANG_MS } from './until.ts'

/**
 * Asks Dovecot's user database through its master socket (doc: Dovecot Authentication Protocol, USER request).
 * @returns the answer line, fields separated by tabs
 */
export function askUser(socketPath: string, user: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath)
    let text = ''
    socket.setTimeout(HANG_MS, () => socket.destroy(new Error('Dovecot does not answer for its users')))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('Dovecot closed its user socket')))
    socket.on('connect', () => socket.write(`VERSION\t1\t1\nUSER\t1\t${user}\tservice=test\n`))
    socket.on('data', (chunk) => {
      text += chunk.toString()
      const answer = /^(USER|NOTFOUND|FAIL)\t1\b.*$/m.exec(text)
      if (!answer) return
      resolve(answer[0])
      socket.destroy()
    })
  })
}
