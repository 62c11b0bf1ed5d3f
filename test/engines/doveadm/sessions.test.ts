import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { proxiedSessions } from '../../../src/engines/doveadm/sessions.ts'

/** Sessions of a Dovecot that answers so, by the first word of a command. */
async function sessions(t: Test, answers: Readonly<Record<string, unknown>>) {
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    const [[command]] = JSON.parse((await request.setEncoding('utf8').toArray()).join(''))
    asked.push(command)
    response.setHeader('content-type', 'application/json').end(JSON.stringify([answers[command]]))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const folder = mkdtempSync(join(tmpdir(), 'postferry-sessions-'))
  t.teardown(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })
  writeFileSync(join(folder, 'key'), 'a key\n')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const gone = () => new Promise((resolve) => server.close(resolve))
  return { ...proxiedSessions({ urls: [url], keyFile: join(folder, 'key') }), url, gone, asked }
}

const table = (...rows: readonly object[]) => ['doveadmResponse', rows, 't']
const error = (exitCode: number) => ['error', { type: 'exitCode', exitCode }, 't']

t.test('who is served here is ended', async (t) => {
  const found = await sessions(t, { who: table({ username: 'anna@old.example' }), kick: table() })
  t.equal(await found.endHere('anna@old.example'), true)
  t.same(found.asked, ['who', 'kick'])
})

t.test('nobody is, where Dovecot says so', async (t) => {
  for (const nobody of [table(), error(68)]) {
    const found = await sessions(t, { who: nobody })
    t.equal(await found.endHere('anna@old.example'), false)
    t.same(found.asked, ['who'])
  }
})

t.test('where it cannot tell, nobody goes on as if all had ended', async (t) => {
  for (const trouble of [error(75), error(64), ['error', { type: 'unknownMethod' }, 't'], undefined]) {
    const found = await sessions(t, { who: trouble })
    await t.rejects(found.endHere('anna@old.example'), { message: /does not tell who is served/ })
    t.same(found.asked, ['who'])
  }
})

t.test('where nobody answers, it says who', async (t) => {
  const found = await sessions(t, {})
  await found.gone()
  await t.rejects(found.end('anna@old.example'), {
    message: `${found.url} (POSTFERRY_DOVEADM_URLS) does not answer: ECONNREFUSED`,
  })
})

t.end()
