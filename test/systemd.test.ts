import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { tellSystemd } from '../src/systemd.ts'
import { MAIN } from './support/program.ts'
import { get, startService } from './support/service.ts'
import { until } from './support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'postferry-systemd-'))
t.after(() => rmSync(folder, { recursive: true }))

// Binds a socket of datagrams, as systemd's, and prints each message.
const LISTENER = `
import socket, sys
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(sys.argv[1])
print('bound', flush=True)
while True:
    print(notify.recv(4096).decode(), flush=True)
`

t.test('serve tells systemd that it is ready when it answers, and then again and again that it lives', async (t) => {
  await using systemd = await listen('serve')
  await using service = await startService({ NOTIFY_SOCKET: systemd.socket, WATCHDOG_USEC: '300000' })
  await until(() => systemd.messages.includes('READY=1'), 'it is ready')
  t.match(await get(service.socket, '/livez'), { status: 200 })
  await until(() => systemd.messages.filter((message) => message === 'WATCHDOG=1').length > 2, 'it lives')
  t.equal(systemd.messages[0], 'READY=1')
})

t.test('sync does so when it waits for jobs', async () => {
  await using systemd = await listen('sync')
  await using service = await startService()
  const environment = { ...service.environment, NOTIFY_SOCKET: systemd.socket, WATCHDOG_USEC: '300000' }
  const sync = spawn(process.execPath, [MAIN, 'sync'], { env: environment, stdio: 'ignore' })
  await until(() => systemd.messages.includes('WATCHDOG=1'), 'it lives')
  sync.kill()
  await once(sync, 'exit')
})

t.test('who does not answer is not said to live, and neither is who has stopped', async (t) => {
  await using systemd = await listen('silent')
  Object.assign(process.env, { NOTIFY_SOCKET: systemd.socket, WATCHDOG_USEC: '30000' })
  let asked = 0
  const told = await tellSystemd(async () => {
    asked += 1
    if (asked === 2) throw new Error('nobody answers')
    return asked === 3
  })
  await until(() => asked > 5 && systemd.messages.includes('WATCHDOG=1'), 'it was asked')
  told[Symbol.dispose]()
  t.same(systemd.messages, ['READY=1', 'WATCHDOG=1'])
  Object.assign(process.env, { WATCHDOG_PID: '1' })
  using _other = await tellSystemd(async () => t.fail('the watchdog is another’s'))
  await until(() => systemd.messages.length === 3, 'the next message')
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete process.env[name]
})

t.test('without systemd nothing is told', async () => {
  using _told = await tellSystemd(async () => true)
})

async function listen(name: string): Promise<AsyncDisposable & { socket: string; messages: string[] }> {
  const socket = join(folder, name)
  const listener = spawn('/usr/bin/python3', ['-c', LISTENER, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  listener.stdout.setEncoding('utf8').on('data', (text: string) => lines.push(...text.split('\n').filter(Boolean)))
  await until(() => lines.shift() === 'bound', 'it is bound')
  return {
    socket,
    get messages() {
      return lines.filter((line) => !line.startsWith('BARRIER'))
    },
    async [Symbol.asyncDispose]() {
      listener.kill()
      await once(listener, 'exit')
    },
  }
}
