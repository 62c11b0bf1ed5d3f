import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** systemd-notify(1) is there wherever systemd is. */
const PATH = '/usr/bin:/bin'
/** A third of WatchdogSec: one message that comes late kills nobody. */
const MESSAGES_PER_LIMIT = 3

/**
 * Tells systemd that the service is ready, where it waits for that (Type=notify); and then, for its watchdog, again and
 * again that it lives, as long as `lives` resolves to true. Dispose to stop.
 */
export async function tellSystemd(lives: () => Promise<boolean>): Promise<Disposable> {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: limit, WATCHDOG_PID: watched } = process.env
  if (!socket) return { [Symbol.dispose]: () => undefined }
  await send(socket, '--ready')
  const isWatched = Number(limit) > 0 && (watched === undefined || watched === String(process.pid))
  const turns = isWatched ? setInterval(() => void tellIfAlive(socket, lives), intervalMs(Number(limit))) : undefined
  turns?.unref()
  return { [Symbol.dispose]: () => clearInterval(turns) }
}

function intervalMs(limitUs: number): number {
  return limitUs / 1_000 / MESSAGES_PER_LIMIT
}

async function tellIfAlive(socket: string, lives: () => Promise<boolean>): Promise<void> {
  if (await lives().catch(() => false)) await send(socket, 'WATCHDOG=1')
}

/** By a program, for Node has no datagrams on Unix sockets. It waits until systemd knows whose message it was. */
async function send(socket: string, message: string): Promise<void> {
  const child = spawn('systemd-notify', [message], { env: { PATH, NOTIFY_SOCKET: socket }, stdio: 'ignore' })
  try {
    const [status] = await once(child, 'exit')
    if (status === 0) return
    process.stderr.write(`postferry: systemd-notify ${message} failed (${status})\n`)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    process.stderr.write(`postferry: systemd-notify ${message} cannot be run (${code})\n`)
  }
}
