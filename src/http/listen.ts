import { chmodSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'

// Its owner and group may use the socket; the folder may be open.
const SOCKET_MODE = 0o660
const SOCKET_PATH_BYTES = 107

/** Cannot listen; the message names the setting. */
export class ListenError extends Error {}

/** Listens on a Unix socket; one that nobody listens on any more is replaced. */
export async function listenOnSocket(app: FastifyInstance, path: string): Promise<void> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES) {
    throw new ListenError(`POSTFERRY_SOCKET: ${path} is longer than the ${SOCKET_PATH_BYTES} bytes of a socket's name`)
  }
  // What is wrong with a route has nothing to do with the socket.
  await app.ready()
  if (await isUsed(path)) throw new ListenError(`POSTFERRY_SOCKET: another program listens on ${path}`)
  if (statSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path)
  const umask = process.umask(0o777 & ~SOCKET_MODE)
  try {
    await app.listen({ path })
    chmodSync(path, SOCKET_MODE)
  } catch (error) {
    throw new ListenError(`POSTFERRY_SOCKET: cannot listen on ${path} (${(error as NodeJS.ErrnoException).code})`)
  } finally {
    process.umask(umask)
  }
}

function isUsed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(path)
    connection.on('connect', () => resolve(true)).on('error', () => resolve(false))
    connection.unref().on('connect', () => connection.destroy())
  })
}

export async function listenOnPort(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'EADDRINUSE' ? 'another program uses it' : code
    throw new ListenError(`POSTFERRY_HOST, POSTFERRY_PORT: cannot listen on ${host} port ${port} (${reason})`)
  }
}
