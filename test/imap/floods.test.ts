import t from 'tap'
import { ask, at, nameOf, type Row, STEPS } from '../support/imap-question.ts'
import { type Connection, startScriptedImap } from '../support/scripted-imap.ts'
import { until } from '../support/until.ts'

type Talk = Row['talk']

/** Says the same as fast as it is taken. */
function flood(chunk: string, sent?: { bytes: number }): (connection: Connection) => void {
  const bytes = Buffer.from(chunk.repeat(Math.ceil(65_536 / chunk.length)))
  return ({ socket }) => {
    const pour = () => {
      while (!socket.destroyed && socket.write(bytes)) if (sent) sent.bytes += bytes.length
    }
    socket.on('drain', pour)
    pour()
  }
}

t.test('whatever a server pours out, little of it is taken', async (t) => {
  const sent = { bytes: 0 }
  const floods: [string, Talk][] = [
    ['a line of gigabytes', flood('x', sent)],
    ['a greeting of gigabytes', (connection) => flood('hello ', sent)(connection.say('* OK '))],
    ['untagged words', (connection) => flood('* OK still here\r\n', sent)(connection.say('* OK hello\r\n'))],
    ['empty lines', flood('\r\n', sent)],
    ['a literal of gigabytes', (connection) => flood('x', sent)(connection.say('* OK {4294967296}\r\n'))],
    ['a literal of many digits', ({ say }) => say(`* OK {${'9'.repeat(60_000)}}\r\n`)],
    ['many literals', (connection) => flood(`{60000}\r\n${'y'.repeat(60_000)}`, sent)(connection.say('* OK '))],
    ['deep lists', flood('(', sent)],
    ['many words', (connection) => flood('a ', sent)(connection.say('* OK '))],
    ...STEPS.map((step): [string, Talk] => [`words at ${step}`, at(step, flood('* OK still here\r\n', sent))]),
    ['continuation requests', at('AUTHENTICATE', flood('+ \r\n', sent))],
    ['foreign tags', at('AUTHENTICATE', flood('X1 OK welcome\r\n', sent))],
  ]
  const before = process.memoryUsage().rss
  for (const [name, talk] of floods) {
    await using server = await startScriptedImap(talk)
    const answer = nameOf(await ask({ port: server.port }))
    t.match(answer, /^old-protocol (un)?answered$/, name)
    await until(() => server.open === 0, 'the connection is closed')
  }
  const grown = process.memoryUsage().rss - before
  // The system takes some megabytes for each connection; a server that was listened to would have sent gigabytes.
  t.ok(sent.bytes < floods.length * 32 * 2 ** 20, `${sent.bytes} bytes left the servers`)
  t.ok(grown < 2 ** 30, `the process grew by ${grown} bytes`)
})
