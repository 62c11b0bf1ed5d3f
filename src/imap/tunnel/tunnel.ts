import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { SourceAccess } from '../../copying/ports.ts'
import type { Code } from '../../model/verdict.ts'
import { endingOf } from '../login/ending.ts'
import { outcomeOf } from '../login/outcome.ts'
import { type Held, holdConnection, keptFor } from '../read/kept.ts'
import type { Reader } from '../read/session.ts'
import { Conversation, type ConversationDeps } from './conversation.ts'
import { userBehind } from './peer.ts'
import { WritesError } from './read-only.ts'

/**
 * A way to a person's mail for a program of this host that cannot verify the provider's server itself, and is to know no
 * password: plain IMAP on loopback here, the provider's own endpoint, TLS and certificate there. One connection at a
 * time, and commands that only read. Other users of this host are not to be let in: the source trusts it.
 */
export const openTunnel: SourceAccess['tunnel'] = async (provider, { username, password }, user, passing) => {
  const reader = { provider, username, password }
  const secret = randomBytes(32).toString('hex')
  const deps: ConversationDeps = {
    ...passing,
    onListing: (mailbox, opened) => keptFor(reader)?.listings.set(mailbox, opened),
  }
  let trouble: Code | null = null
  const near = new Set<Socket>()
  let turn: Promise<void> = Promise.resolve()
  let begun: Promise<Begun> | null = null
  let current: Conversation | null = null
  let isStopped = false
  let hasMisled = false
  const begin = async (): Promise<Begun> => {
    const held = await holdConnection(reader)
    return { held, conversation: new Conversation(held.client, await held.client.lend(), secret, deps) }
  }
  const carry = async (socket: Socket) => {
    const mine = begun ?? begin()
    begun = null
    const { held, conversation } = await mine
    current = conversation
    if (isStopped) conversation.stop()
    try {
      if (!socket.destroyed) await conversation.run(socket)
    } catch (error) {
      trouble = codeOf(error, reader)
    } finally {
      hasMisled ||= conversation.hasMisled
      await leave({ held, conversation })
    }
  }
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    near.add(socket)
    socket.on('error', () => undefined).once('close', () => near.delete(socket))
    void userBehind(socket).then((found) => {
      if (found === user && !isStopped) takeTurn(socket)
      else socket.destroy()
    }, socket.destroy.bind(socket))
  })
  const takeTurn = (socket: Socket) => {
    turn = turn
      .then(() => (socket.destroyed ? undefined : carry(socket)))
      .catch((error) => {
        trouble = codeOf(error, reader)
        socket.destroy()
      })
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    password: secret,
    trouble: () => trouble,
    hasMisled: () => hasMisled,
    askAhead(commands, mailboxes) {
      begun ??= begin()
      // Whoever comes in learns of it.
      void begun.then(({ conversation }) => conversation.askAhead(commands, mailboxes)).catch(() => undefined)
    },
    stop() {
      isStopped = true
      current?.stop()
    },
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of near) socket.destroy()
      await turn
      await begun?.then(leave).catch(() => undefined)
    },
  }
}

interface Begun {
  readonly held: Held
  readonly conversation: Conversation
}

async function leave({ held, conversation }: Begun): Promise<void> {
  await conversation.end()
  await held.giveBack()
}

function codeOf(error: unknown, reader: Reader): Code {
  if (error instanceof WritesError) return 'old-protocol'
  // The password was right a moment ago.
  const answer = outcomeOf(endingOf(error), reader)
  return answer.kind === 'trouble' ? answer.code : 'old-busy'
}
