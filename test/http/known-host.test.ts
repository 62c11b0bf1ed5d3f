import type { AddressInfo } from 'node:net'
import t from 'tap'
import { HttpWire } from './http-wire.ts'
import { ADMIN_TOKEN, onSocket, scriptedListener } from './scripted-listener.ts'

const NAMES = ['ferry.internal', 'Postferry.example']

t.test('whoever calls this host by a name that is not its own is sent away', async (t) => {
  const { app, logged } = scriptedListener({ hostNames: NAMES })
  t.teardown(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const status = async (path: string, lines: string[], version = '1.1') => {
    using wire = await HttpWire.open(`http://127.0.0.1:${port}`)
    return await wire.ask(`GET ${path} HTTP/${version}\r\n${[...lines, '', ''].join('\r\n')}`)
  }
  const own = ['127.0.0.1', `127.0.0.1:${port}`, 'localhost', `localhost:${port}`, 'LOCALHOST', 'ferry.internal:80']
  for (const host of [...own, 'postferry.example', '192.0.2.7:8025', '[::1]:8025', '[2001:db8::1]']) {
    t.match(await status('/nothing', [`Host: ${host}`]), { status: 404 }, host)
  }
  t.match(await status('/nothing', [], '1.0'), { status: 404 }, 'no browser leaves it out')
  const strange = ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.evil.example', '']
  for (const host of [...strange, 'a@localhost', '[evil.example]', 'localhost:x', '[::1', 'ferry.internal.']) {
    for (const path of ['/v1/passdb', '/v1/admin/people', '/admin', '/nothing', '/livez/']) {
      const answer = await status(path, [`Host: ${host}`, 'X-Forwarded-Host: localhost'])
      t.match(answer, { status: 421, head: /connection: close/, body: /POSTFERRY_HOST_NAMES/ }, `${host} ${path}`)
      t.notMatch(answer?.body, /evil/)
    }
  }
  t.same(logged, [])
})

t.test('whoever shows a token may call this host by any name, and monitoring may do so without', async (t) => {
  const authToken = 'the auth token of a test'
  const { app } = scriptedListener({ hostNames: NAMES, authToken })
  t.teardown(() => app.close())
  const ask = async (url: string, token?: string) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    return (await app.inject({ url, headers: { host: 'mailhost:8025', ...authorization } })).statusCode
  }
  t.equal(await ask('/v1/userdb?username=anna@new.example', authToken), 200)
  t.equal(await ask('/nothing', ADMIN_TOKEN), 404)
  for (const token of [undefined, '', 'guessed', `${authToken} `]) {
    t.equal(await ask('/v1/userdb?username=anna@new.example', token), 421, token ?? 'none')
  }
  for (const url of ['/livez', '/readyz', '/healthz', '/metrics?x=1']) t.equal(await ask(url), 200, url)
})

t.test('on the socket every name will do, and none', async (t) => {
  await using listener = await onSocket({})
  for (const question of ['GET /livez HTTP/1.1\r\nHost: anything\r\n\r\n', 'GET /livez HTTP/1.0\r\n\r\n']) {
    using wire = await HttpWire.open(listener.socket)
    t.match(await wire.ask(question), { status: 200 })
  }
})
