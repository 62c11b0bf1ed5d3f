import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { netstring } from '../../src/routing/socketmap-netstring.ts'
import { type AnswerRequest, socketmapServer } from '../../src/routing/socketmap-server.ts'
import { SocketmapClient } from '../support/socketmap-client.ts'

async function serving(t: Test, answer: AnswerRequest): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-socketmap-'))
  const path = join(folder, 'map.sock')
  const server = socketmapServer(answer)
  await server.listen({ path })
  t.teardown(async () => {
    await server[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })
  return path
}

t.test('requests are answered one by one, in pieces or all at once, in their order', async (t) => {
  const finished: string[] = []
  // The first of them takes longest.
  const path = await serving(t, async (request) => {
    for (let turns = Number(request) * -1 + 50; turns > 0; turns--) await new Promise(setImmediate)
    finished.push(request)
    return `OK ${request}`
  })
  await using client = await SocketmapClient.open(path)
  t.equal(await client.ask('1'), 'OK 1')
  const many = Array.from({ length: 40 }, (_, number) => `${number}`)
  finished.length = 0
  t.same(
    await client.askAll(many),
    many.map((request) => `OK ${request}`),
  )
  t.not(finished[0], '0', 'they are worked on together')
  for (const byte of netstring('7')) client.write(byte)
  t.equal(await client.next(), 'OK 7')
})

t.test('thousands that nobody reads the answers of are not taken in, and all are answered', async (t) => {
  let most = 0
  let running = 0
  const path = await serving(t, async (request) => {
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    running--
    return `OK ${request}`
  })
  await using client = await SocketmapClient.open(path)
  const many = Array.from({ length: 20_000 }, (_, number) => `request ${number}`)
  t.same((await client.askAll(many)).at(-1), 'OK request 19999')
  t.ok(most < 10_000, `${most} at once`)
})

t.test('whoever sends garbage, or too much, is left; others go on', async (t) => {
  const path = await serving(t, async () => 'OK')
  await using other = await SocketmapClient.open(path)
  for (const sent of ['GET / HTTP/1.1\r\n\r\n', '9999:', `5000:${'a'.repeat(5_000)},`, '3:abcd', '\xff\xfe']) {
    const client = connect(path)
    client.on('error', () => undefined).write(sent, 'latin1')
    client.resume()
    await once(client, 'close')
    t.equal(await other.ask('x'), 'OK', sent.slice(0, 10))
  }
})

t.test('who leaves in the middle hurts nobody', async (t) => {
  const left = Promise.withResolvers<void>()
  const path = await serving(t, async (request) => {
    if (request === 'slow') await left.promise
    return 'OK'
  })
  const client = connect(path)
  client.write(netstring('slow') + netstring('slow'))
  await once(client, 'connect')
  client.destroy()
  left.resolve()
  await using other = await SocketmapClient.open(path)
  t.equal(await other.ask('x'), 'OK')
})
