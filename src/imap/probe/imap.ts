import type { Provider } from '../../model/provider.ts'
import { linesUpTo, noImap, quote } from './lines.ts'
import { ProbeFailure, type Take } from './way.ts'

/** The untagged greeting (RFC 3501, section 7.1). */
export const greeting: Take = async ({ socket }) => {
  const [line = ''] = await linesUpTo(socket, () => true)
  const [, condition = '', text = ''] = /^\* (OK|PREAUTH|BYE)(?: (.*))?$/i.exec(line) ?? []
  switch (condition.toUpperCase()) {
    case 'OK':
      return quote(text)
    case 'PREAUTH':
      throw new ProbeFailure(
        `the server signs everybody in without a password (PREAUTH): ${quote(text)}`,
        'no password can be verified there: use a host and port that ask for one',
      )
    case 'BYE':
      throw new ProbeFailure(
        `the server hangs up: ${quote(text)}`,
        'ask whoever runs the old server whether it limits or blocks connections from here',
      )
    default:
      throw noImap(`"${quote(line)}"`)
  }
}

export const capabilities: Take = async ({ socket, provider }) => {
  socket.write('c CAPABILITY\r\n')
  const lines = await linesUpTo(socket, (line) => line.startsWith('c '))
  const offered = lines.find((line) => /^\* CAPABILITY /i.test(line))?.slice('* CAPABILITY '.length) ?? ''
  const has = (name: string) => offered.toUpperCase().split(' ').includes(name)
  if (!has('IMAP4REV1') && !has('IMAP4REV2')) throw noImap(`"${quote(lines.at(-1) ?? '')}" when asked what it can do`)
  socket.end('d LOGOUT\r\n')
  if (has('LOGINDISABLED') && !has('AUTH=PLAIN') && !has('AUTH=LOGIN')) {
    throw new ProbeFailure(`nobody can sign in with a password: ${quote(offered)}`, remedyOfDisabled(provider, has))
  }
  if (provider.forwardsClient && !has('ID')) return `${offered} (without ID it cannot be told the client's address)`
  return offered
}

function remedyOfDisabled({ name, tls }: Provider, has: (name: string) => boolean): string {
  if (tls !== 'none') return 'ask whoever runs the old server to allow sign-ins by password from here'
  const way = has('STARTTLS') ? '--tls starttls' : '--tls implicit --port 993'
  return `the server wants TLS first: postferry provider set ${name} ${way}`
}
