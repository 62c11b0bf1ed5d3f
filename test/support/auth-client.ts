import { createHmac } from 'node:crypto'
import { connect } from 'node:net'
import { HANG_MS } from './until.ts'

export interface SaslAttempt {
  readonly mechanism: 'PLAIN' | 'LOGIN' | 'CRAM-MD5' | 'EXTERNAL'
  /** For which protocol the asking program says it is. */
  readonly service: string
  readonly user: string
  readonly password: string
  /** The master user as whom it is; missing: as oneself. */
  readonly master?: string
}

/**
 * Signs in by Dovecot's authentication protocol, as its login processes and Postfix do: they may say what they like about
 * the protocol.
 * @returns the last line: `OK …` or `FAIL …`, fields separated by tabs
 */
export function authenticate(socketPath: string, attempt: SaslAttempt): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath)
    let text = ''
    let answered = 0
    socket.setTimeout(HANG_MS, () => socket.destroy(new Error('Dovecot does not answer')))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`Dovecot hung up: ${text}`)))
    socket.on('connect', () => {
      const first = answerTo(attempt, '', 0)
      const response =
        attempt.mechanism === 'PLAIN' || attempt.mechanism === 'EXTERNAL' ? `\tresp=${base64(first)}` : ''
      const certificate = attempt.mechanism === 'EXTERNAL' ? `\tvalid-client-cert\tcert_username=${attempt.user}` : ''
      socket.write(`VERSION\t1\t2\nCPID\t${process.pid}\n`)
      socket.write(
        `AUTH\t1\t${attempt.mechanism}\tservice=${attempt.service}\tprotocol=${attempt.service}\tsecured${certificate}${response}\n`,
      )
    })
    socket.on('data', (chunk) => {
      text += chunk.toString()
      const ended = /^(?:OK|FAIL)\t1\b.*$/m.exec(text)
      const challenges = [...text.matchAll(/^CONT\t1\t(.*)\n/gm)]
      if (ended) {
        resolve(ended[0])
        socket.destroy()
      } else if (challenges.length > answered) {
        const challenge = Buffer.from(challenges[answered]?.[1] ?? '', 'base64').toString()
        socket.write(`CONT\t1\t${base64(answerTo(attempt, challenge, answered++))}\n`)
      }
    })
  })
}

function answerTo({ mechanism, user, password, master }: SaslAttempt, challenge: string, at: number): string {
  switch (mechanism) {
    case 'PLAIN':
      return master === undefined ? `\0${user}\0${password}` : `${user}\0${master}\0${password}`
    case 'LOGIN':
      return at === 0 ? user : password
    case 'CRAM-MD5':
      return `${user} ${createHmac('md5', password).update(challenge).digest('hex')}`
    case 'EXTERNAL':
      return ''
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
