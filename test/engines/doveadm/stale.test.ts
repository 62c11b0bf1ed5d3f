import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { removeStale } from '../../../src/engines/doveadm/stale.ts'

const place = () => {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-doveadm-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

t.test('the folder of a worker that was killed goes, that of a living one stays, and all others', async (t) => {
  const [dead, alive, other] = [place(), place(), place()]
  const script = `require('node:net').createServer().listen(process.argv[1], () => console.log('listens'))`
  const killed = spawn(process.execPath, ['-e', script, join(dead, 'userdb')], { stdio: ['ignore', 'pipe', 'ignore'] })
  await once(killed.stdout, 'data')
  killed.kill('SIGKILL')
  await once(killed, 'close')
  const server = createServer((socket) => socket.destroy()).listen(join(alive, 'userdb'))
  await once(server, 'listening')
  await removeStale()
  t.same([dead, alive, other].map(existsSync), [false, true, true])
  server.close()
})
