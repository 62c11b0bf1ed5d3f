import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'

const CONNECTIONS = '/proc/self/net/tcp'
/** Of a line, at most: what follows is others'. */
const LINE_LENGTH = 150

/** Which user of this host holds the other end of a connection on loopback; null: nobody any more. */
export async function userBehind(socket: Socket): Promise<number | null> {
  const theirs = place(socket.remoteAddress, socket.remotePort)
  const ours = place(socket.localAddress, socket.localPort)
  const text = await readFile(CONNECTIONS, 'latin1')
  // A mail server has thousands of lines there.
  const at = text.indexOf(` ${theirs} ${ours} `)
  if (at < 0) return null
  // proc_pid_net(5): local address, remote address, state, queues, timer, retransmissions, user
  const [, , , , , , user] = text
    .slice(at, at + LINE_LENGTH)
    .trim()
    .split(/\s+/)
  return Number(user)
}

/** As Linux writes it: the address as a number of this processor, which is little-endian. */
function place(address = '', port = 0): string {
  const hex = (number: number, digits: number) => number.toString(16).toUpperCase().padStart(digits, '0')
  const bytes = address.split('.').map((part) => hex(Number(part), 2))
  return `${bytes.toReversed().join('')}:${hex(port, 4)}`
}
