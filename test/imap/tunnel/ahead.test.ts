import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { openTunnel } from '../../../src/imap/tunnel/tunnel.ts'
import { PROVIDER } from '../../support/provider.ts'
import { type Connection, scripted, startScriptedImap } from '../../support/scripted-imap.ts'
import { until } from '../../support/until.ts'

const MIB = 1024 * 1024
const ME = process.getuid?.() ?? -1
const FLAGS = 'UID FETCH 1:* (FLAGS)'
const BODIES = '(INTERNALDATE BODY.PEEK[])'

/** A mailbox of the source: its UIDVALIDITY, and the bodies of its messages by UID. */
interface Box {
  uidValidity?: number
  readonly messages: Map<number, string>
}

interface Source {
  readonly boxes: Map<string, Box>
  /** The commands that have come, without tags. */
  readonly asked: string[]
  /** Says more than was asked for, before the answer. */
  before(command: string, say: Connection['say']): void
  readonly connection: Connection | null
  /** Characters of answers to FETCH. */
  readonly sent: number
}

type Opened = Awaited<ReturnType<typeof openTunnel>>

/** A source with mailboxes, a tunnel to it that foresees that all are opened in this order, and a program that comes in. */
async function opened(names: readonly string[], { isParallel = false } = {}) {
  await using held = new AsyncDisposableStack()
  const boxes = new Map(names.map((name) => [name, boxOf(name)]))
  const source = {
    boxes,
    asked: [] as string[],
    before: (() => undefined) as Source['before'],
    connection: null,
    sent: 0,
  }
  const server = held.use(await startScriptedImap(talk(source, isParallel)))
  const provider = { ...PROVIDER, port: server.port }
  const tunnel = held.use(await openTunnel(provider, { username: 'anna', password: 'secret' }, ME))
  tunnel.askAhead(
    [],
    names.map((name) => ({ opening: `EXAMINE "${name}"`, messages: 2, bytes: null })),
  )
  const program = await Program.start(tunnel)
  const kept = held.move()
  const end = async () => {
    program.socket.destroy()
    await kept.disposeAsync()
  }
  return { source: source as Source, tunnel, program, [Symbol.asyncDispose]: end }
}

function boxOf(name: string, count = 2, bytes = 10): Box {
  const uids = Array.from({ length: count }, (_, at) => at + 1)
  return { messages: new Map(uids.map((uid) => [uid, `${name} ${uid} `.padEnd(bytes, 'x')])) }
}

function talk(source: { -readonly [K in keyof Source]: Source[K] }, isParallel: boolean) {
  let open: Box | null = null
  const late: string[] = []
  return scripted({
    capability: 'IMAP4rev1 AUTH=PLAIN',
    signIn: ({ connection, tag }) => connection.say(`${tag} OK welcome\r\n`),
    async command(connection, tag, name, rest) {
      source.connection = connection
      if (name !== 'EXAMINE' && name !== 'UID') return false
      const command = `${name} ${rest}`
      source.asked.push(command)
      source.before(command, connection.say)
      if (name === 'EXAMINE') {
        open = source.boxes.get(rest.replaceAll('"', '')) ?? null
        connection.say(open === null ? `${tag} NO there is none\r\n` : `${opening(open)}${tag} OK open\r\n`)
        return true
      }
      if (open === null) return connection.say(`${tag} BAD none is open\r\n`)
      const isFirst = command === FLAGS
      // What is asked together ends together: so it does with Dovecot.
      const isLate = isParallel && isFirst && open !== [...source.boxes.values()][0]
      late.push(`${tag} OK done\r\n`)
      for (const line of fetched(open, rest)) await sent(line, source, connection)
      connection.say(...(isLate ? [] : late.splice(0)))
      return true
    },
  })
}

async function sent(line: string, source: { sent: number }, { socket, say }: Connection): Promise<void> {
  say(line)
  if (socket.writableNeedDrain) await once(socket, 'drain').catch(() => undefined)
  source.sent += line.length
}

function opening({ messages, uidValidity = 7 }: Box): string {
  return `* ${messages.size} EXISTS\r\n* OK [UIDVALIDITY ${uidValidity}] .\r\n`
}

function fetched({ messages }: Box, rest: string): string[] {
  const isOfBodies = rest.includes('BODY')
  return [...messages].map(
    ([uid, body], at) => `* ${at + 1} FETCH (UID ${uid} ${isOfBodies ? literal(body) : 'FLAGS ()'})\r\n`,
  )
}

const literal = (text: string) => `BODY[] {${text.length}}\r\n${text}`

/** Whoever comes in: asks one thing after the other. */
class Program {
  readonly socket: Socket
  #heard = ''
  #number = 0

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1').on('error', () => undefined)
    socket.on('data', (text) => {
      this.#heard += text
    })
  }

  static async start({ port, password }: Opened): Promise<Program> {
    const program = new Program(connect(port, '127.0.0.1'))
    await until(async () => program.#heard.includes('ready'), 'the greeting')
    program.#heard = ''
    await program.ask(`LOGIN x ${password}`)
    return program
  }

  /** @returns the answer with "." for the tag; what came before the end, where there is none */
  async ask(command: string): Promise<string> {
    const tag = `p${++this.#number}`
    this.socket.write(`${tag} ${command}\r\n`)
    const end = new RegExp(`^${tag} .*\r\n`, 'm')
    await until(async () => end.test(this.#heard) || this.socket.closed, 'an answer')
    const heard = this.#heard.replace(end, (line) => line.replace(tag, '.'))
    this.#heard = ''
    return heard
  }

  /** Opens a mailbox and reads all of it, as doveadm does. */
  async visit(name: string, uids = '1,2'): Promise<string[]> {
    const said = [await this.ask(`EXAMINE "${name}"`)]
    if (said[0]?.includes('. NO')) return said
    return [...said, await this.ask(FLAGS), await this.ask(`UID FETCH ${uids} ${BODIES}`)]
  }
}

/** What a source says that is asked directly. */
function direct(box: Box): string[] {
  return [
    `${opening(box)}. OK open\r\n`,
    ...[FLAGS, BODIES].map((rest) => `${fetched(box, rest).join('')}. OK done\r\n`),
  ]
}

const commandsFor = (name: string, bodies = `UID FETCH 1:* ${BODIES}`) => [`EXAMINE "${name}"`, FLAGS, bodies]

t.test('the next mailboxes are asked before they are wanted, and each answer is of its own', async (t) => {
  for (const isParallel of [false, true]) {
    await using all = await opened(['a', 'b', 'c'], { isParallel })
    const { source, program } = all
    const box = (name: string) => source.boxes.get(name) as Box
    t.same(await program.visit('a'), direct(box('a')))
    const asked = [...commandsFor('a', `UID FETCH 1,2 ${BODIES}`), ...commandsFor('b'), ...commandsFor('c')]
    await until(async () => source.asked.length === asked.length, 'all is asked')
    t.same(source.asked, asked)
    t.same(await program.visit('b'), direct(box('b')))
    t.same(await program.visit('c'), direct(box('c')))
    t.equal(source.asked.length, asked.length, 'and nothing twice')
    t.match(await program.ask('LOGOUT'), '. OK')
    t.notOk(all.tunnel.hasMisled())
  }
})

t.test('a mailbox that is gone, or another one by now, is told as it is, and the next ones as they are', async (t) => {
  await using all = await opened(['a', 'b', 'c', 'd'])
  const { source, program } = all
  source.boxes.delete('b')
  source.boxes.set('c', { uidValidity: 8, messages: new Map([[1, 'another one']]) })
  await program.visit('a')
  t.same(await program.visit('b'), ['. NO there is none\r\n'])
  t.same(await program.visit('c', '1'), direct(source.boxes.get('c') as Box))
  t.same(await program.visit('d'), direct(source.boxes.get('d') as Box))
  t.notOk(all.tunnel.hasMisled())
})

t.test('what the source says of its own accord is heard of the mailbox that it means', async (t) => {
  for (const isParallel of [false, true]) {
    await using all = await opened(['a', 'b', 'c'], { isParallel })
    const { source, program } = all
    source.before = (command, say) => {
      if (command === 'EXAMINE "b"') say('* 3 EXISTS\r\n')
      // It counts without the first one from then on.
      if (command === 'EXAMINE "c"') say('* 1 EXPUNGE\r\n')
    }
    const [a, b, c] = ['a', 'b', 'c'].map((name) => direct(source.boxes.get(name) as Box)) as [
      string[],
      string[],
      string[],
    ]
    t.same(await program.visit('a'), a)
    await until(async () => source.asked.length === 9, 'all is asked')
    source.connection?.say('* 9 EXISTS\r\n')
    t.same(await program.visit('b'), [`* 3 EXISTS\r\n${b[0]}`, b[1], b[2]])
    const heard = [...(await program.visit('c')), await program.ask('NOOP')].join('')
    t.equal(heard, `* 1 EXPUNGE\r\n${c.join('')}* 9 EXISTS\r\n. OK done\r\n`)
  }
})

t.test('who wants something else while the source is elsewhere is let down, and may come again', async (t) => {
  const others = [
    ['NOOP', 'a'],
    ['UID FETCH 1 (INTERNALDATE BODY.PEEK[])', 'a'],
    ['UID FETCH 1 (INTERNALDATE BODY.PEEK[])', 'b'],
    ['UID FETCH 1,2 (BODY.PEEK[])', 'b'],
    ['EXAMINE "c"', 'a'],
    ['FETCH 1 (FLAGS)', 'b'],
  ] as const
  for (const [command, at] of others) {
    await using all = await opened(['a', 'b', 'c'])
    const { source, tunnel, program } = all
    await program.visit('a')
    await until(async () => source.asked.length === 9, 'all is asked')
    if (at === 'b') for (const first of commandsFor('b').slice(0, 2)) await program.ask(first)
    t.equal(await program.ask(command), '', command)
    await until(async () => tunnel.hasMisled(), 'it is known')
    const again = await Program.start(tunnel)
    t.same(await again.visit('c'), direct(source.boxes.get('c') as Box), 'then nothing is foreseen')
    again.socket.destroy()
  }
})

t.test('a mailbox that grows before it is read is read as it is then', async (t) => {
  await using all = await opened(['a', 'b'])
  const { source, program, tunnel } = all
  const b = source.boxes.get('b') as Box
  source.before = (command) => {
    if (command === 'EXAMINE "b"') b.messages.set(3, 'new')
  }
  await program.visit('a')
  t.same(await program.visit('b', '1,2,3'), direct(b))
  t.notOk(tunnel.hasMisled())
})

t.test('the source waits with what nobody takes', async (t) => {
  const [some, all] = [32, 128] as const
  await using it = await opened(['a', 'b', 'c'])
  const { source, program } = it
  source.boxes.set('b', boxOf('b', all, MIB))
  await program.visit('a')
  let before = -1
  while (before < source.sent || before < MIB) {
    before = source.sent
    await pause(200)
  }
  t.ok(before < some * MIB, `${before} bytes`)
  let heard = 0
  program.socket.removeAllListeners('data').on('data', (text) => {
    heard += text.length
  })
  for (const command of commandsFor('b', `UID FETCH 1:${all} ${BODIES}`)) {
    const earlier = heard
    program.socket.write(`x ${command}\r\n`)
    await until(async () => heard > earlier, 'an answer')
  }
  await until(async () => heard > all * MIB, 'all of it')
})

t.test('of a source that ends two answers together, so much is kept until then, and no more', async (t) => {
  for (const [count, isKept] of [
    [8, true],
    [32, false],
  ] as const) {
    await using all = await opened(['a', 'b', 'c'], { isParallel: true })
    const { source, program, tunnel } = all
    const b = boxOf('b', count, MIB)
    source.boxes.set('b', b)
    await program.visit('a')
    const said = await program.visit('b', `1:${count}`)
    t.equal(said.join('').length === direct(b).join('').length, isKept)
    t.equal(tunnel.hasMisled(), !isKept)
  }
})

t.end()
