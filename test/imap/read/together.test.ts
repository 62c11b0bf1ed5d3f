import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { keepConnection } from '../../../src/imap/read/kept.ts'
import { statusCheck } from '../../../src/imap/read/status-check.ts'
import { PROVIDER } from '../../support/provider.ts'

const CREDENTIAL = { username: 'anna', password: 'Correct-Horse-9' }
const ANSWERS: Readonly<Record<string, string>> = {
  CAPABILITY: '* CAPABILITY IMAP4rev1 NAMESPACE AUTH=PLAIN SASL-IR',
  NAMESPACE: '* NAMESPACE (("" "/")) NIL NIL',
  LIST: '* LIST () "/" INBOX',
  LSUB: '* LSUB () "/" INBOX',
  STATUS: '* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7)',
  LOGOUT: '* BYE bye',
}
/** What is asked at once after the sign-in. */
const TOGETHER = ['NAMESPACE', 'LIST', 'LSUB']
const LATE_MS = 20

/** Answers what it was asked together the other way round, as RFC 3501 (section 5.5) lets it. */
async function startDisorderly() {
  const mostAtOnce: number[] = []
  const server = createServer(async (socket) => {
    const connection = mostAtOnce.push(0) - 1
    const waiting: string[] = []
    const answer = (line: string) => {
      const [tag = '', name = ''] = line.split(' ')
      const untagged = ANSWERS[name.toUpperCase()]
      socket.write(`${untagged === undefined ? '' : `${untagged}\r\n`}${tag} OK done\r\n`)
    }
    socket.on('error', () => undefined).write('* OK ready\r\n')
    for await (const line of createInterface({ input: socket })) {
      const isHeld = TOGETHER.some((name) => line.includes(` ${name}`))
      if (!isHeld) answer(line)
      else if (connection === 0) {
        if (waiting.push(line) === TOGETHER.length) for (const one of waiting.toReversed()) answer(one)
      } else {
        waiting.push(line)
        mostAtOnce[connection] = Math.max(mostAtOnce[connection] ?? 0, waiting.length)
        void pause(LATE_MS).then(() => answer(waiting.shift() ?? ''))
      }
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, mostAtOnce, close: () => server.close() }
}

t.test('a server that answers in another order is asked one thing at a time from then on', async (t) => {
  const old = await startDisorderly()
  t.after(old.close)
  const provider = { ...PROVIDER, port: old.port }
  const signal = new AbortController().signal
  await using _ = keepConnection(provider, CREDENTIAL)
  t.match(await statusCheck.check(provider, CREDENTIAL, signal, false), { kind: 'trouble', code: 'old-protocol' })
  const seen = await statusCheck.check(provider, CREDENTIAL, signal, false)
  t.match(seen, { kind: 'yes', mailboxes: [{ name: 'INBOX', messages: 1 }] })
  t.same(old.mostAtOnce, [0, 1])
})

t.end()
