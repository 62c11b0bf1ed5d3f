import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { freePort } from '../support/loopback.ts'

export interface Reference extends Disposable {
  /** 0: it listens on a socket. */
  readonly port: number
  /** '': it listens on a port. */
  readonly socket: string
}

/**
 * Something over HTTP to compare with: fastify with a bare route and Node's own server say yes to everybody, `refusing`
 * says no.
 * @param socket where to listen instead of on a port
 */
export async function startReference(kind: 'bare-fastify' | 'node-http' | 'refusing', socket = ''): Promise<Reference> {
  const port = socket === '' ? await freePort() : 0
  const child = fork(join(import.meta.dirname, 'reference-process.ts'), [kind, socket || `${port}`])
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the reference ${kind} ended with ${code}`)
  })
  ended.catch(() => undefined)
  await Promise.race([once(child, 'message'), ended])
  return { port, socket, [Symbol.dispose]: () => void child.kill('SIGKILL') }
}
