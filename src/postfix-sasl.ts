import { chmodSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'

const LINE_LIMIT = 64 * 1024

/**
 * Relays between Postfix and Dovecot's authentication, and hangs up on a temporary failure. Postfix would answer that
 * like a wrong password (535, which fail2ban counts); when it loses the connection it answers 454 and connects again.
 * Protocol: https://doc.dovecot.org/2.3/developer_manual/design/auth_protocol/
 */
function relayTo(dovecotSocket: string): Server {
  return createServer((postfix) => {
    const dovecot = connect(dovecotSocket)
    const hangUp = () => {
      postfix.destroy()
      dovecot.destroy()
    }
    for (const end of [postfix, dovecot]) end.on('error', hangUp).on('close', hangUp)
    postfix.pipe(dovecot)
    onLines(dovecot, hangUp, (lines) => {
      if (lines.some(couldNotAsk)) hangUp()
      else postfix.write(lines.join(''), 'latin1')
    })
  })
}

/** Calls `take` with whole lines, their ends included. */
function onLines(socket: Socket, tooLong: () => void, take: (lines: string[]) => void): void {
  let rest = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    const lines = (rest + chunk).split(/(?<=\n)/)
    rest = lines.at(-1)?.endsWith('\n') ? '' : (lines.pop() ?? '')
    if (rest.length > LINE_LIMIT) tooLong()
    else if (lines.length > 0) take(lines)
  })
}

function couldNotAsk(line: string): boolean {
  const [command, , ...fields] = line.trimEnd().split('\t')
  return command === 'FAIL' && fields.includes('code=temp_fail')
}

function main([socket, dovecotSocket, ...more]: readonly string[]): void {
  if (socket === undefined || dovecotSocket === undefined || more.length > 0) {
    process.stderr.write('usage: postfix-sasl SOCKET-FOR-POSTFIX SOCKET-OF-DOVECOT\n')
    process.exitCode = 64
    return
  }
  // Left by an earlier process.
  rmSync(socket, { force: true })
  const server = relayTo(dovecotSocket)
  server.on('error', (error: NodeJS.ErrnoException) => {
    process.stderr.write(`postfix-sasl: cannot listen on ${socket} (${error.code})\n`)
    process.exit(73)
  })
  // As with Postfix's own sockets, the folder says who may connect.
  server.listen(socket, () => chmodSync(socket, 0o666))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0))
}

main(process.argv.slice(2))
