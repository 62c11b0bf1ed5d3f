import { chmodSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'

// Its owner and group may use the socket; the folder may be open.
const SOCKET_MODE = 0o660
const SOCKET_PATH_BYTES = 107

/** Cannot listen; the message names the setting. */
export class ListenError extends Error {}

/** What can listen: an app of HTTP, or a server of another protocol. */
interface Listening {
  listen(at: { path: string } | { host: string; port: number }): Promise<unknown>
}

/**
 * Listens on a Unix socket; one that nobody listens on any more is replaced.
 * @param setting what names the socket
 */
export async function listenOnSocket(app: Listening, path: string, setting: string): Promise<void> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES) {
    throw new ListenError(`${setting}: ${path} is longer than the ${SOCKET_PATH_BYTES} bytes of a socket's name`)
  }
  if (await isUsed(path)) throw new ListenError(`${setting}: another program listens on ${path}`)
  if (statSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path)
  const umask = process.umask(0o777 & ~SOCKET_MODE)
  try {
    await app.listen({ path })
    chmodSync(path, SOCKET_MODE)
  } catch (error) {
    throw new ListenError(`${setting}: cannot listen on ${path} (${(error as NodeJS.ErrnoException).code})`)
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

/** @param settings what names the port */
export async function listenOnPort(app: Listening, host: string, port: number, settings: string): Promise<void> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'EADDRINUSE' ? 'another program uses it' : code
    throw new ListenError(`${settings}: cannot listen on ${host} port ${port} (${reason})`)
  }
}
