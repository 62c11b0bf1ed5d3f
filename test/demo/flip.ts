import { setTimeout as pause } from 'node:timers/promises'
import type { Dovecot } from '../support/dovecot.ts'
import { type ImapAccount, ImapWire } from '../support/imap-wire.ts'
import { copy } from './copying.ts'
import type { Person } from './people.ts'
import type { Postferry } from './postferry.ts'
import { accountAt } from './servers.ts'
import { dim, say, table } from './show.ts'
import type { Stage } from './stage.ts'

/** What mail programs keep in their cache, and would download again if it were different. */
interface Numbers {
  readonly uidValidity: string
  readonly uids: string
}

/** Flips somebody whose mail program stays connected. @throws when that would notice it */
export async function flip(stage: Stage, ferry: Postferry, now: Dovecot, person: Person): Promise<void> {
  const account = await accountAt(now, person.address, person)
  const program = await MailProgram.connect(account)
  const before = await numbersOf(account)
  await ferry.command('postferry', 'migration', 'flip', person.address)
  await copy(stage, ferry, '--account', person.address)
  const gapMs = await program.disconnect()
  const after = await numbersOf(account)
  table(
    ['INBOX', 'UIDVALIDITY', 'UIDs'],
    [
      ['at the old server', before.uidValidity, before.uids],
      ['at the new server', after.uidValidity, after.uids],
    ],
  )
  const shown = JSON.parse((await ferry.ask('postferry', 'migration', 'show', person.address, '--json')).join(''))
  const { route, attempts } = shown
  if (route !== 'destination') throw new Error(`${person.address} is still at the ${route}`)
  if (before.uids !== after.uids || before.uidValidity !== after.uidValidity) throw new Error('the numbers are others')
  say(
    dim(
      attempts.map(({ output }: { output: string }) => output).find((output: string) => output.startsWith('flipped')),
    ),
  )
  say(`The mail program was without an answer for ${gapMs} ms at most, and has nothing to download.`)
}

async function numbersOf(account: ImapAccount): Promise<Numbers> {
  await using wire = await ImapWire.open(account)
  const opened = await wire.command('EXAMINE INBOX')
  const [, uidValidity = ''] = opened.map(({ line }) => /UIDVALIDITY (\d+)/.exec(line)).find(Boolean) ?? []
  const [, uids = ''] = /^\* SEARCH (.*)$/.exec((await wire.command('UID SEARCH ALL'))[0]?.line ?? '') ?? []
  return { uidValidity, uids }
}

const ASKS_EVERY_MS = 20

/** Stays connected, asks for news again and again, and connects at once when it is cut off, as mail programs do. */
class MailProgram {
  readonly #account: ImapAccount
  readonly #end = new AbortController()
  readonly #running: Promise<void>
  #heard = performance.now()
  #gapMs = 0

  static async connect(account: ImapAccount): Promise<MailProgram> {
    return new MailProgram(account, await selected(account))
  }

  private constructor(account: ImapAccount, wire: ImapWire) {
    this.#account = account
    this.#running = this.#work(wire)
  }

  /** @returns the longest time without an answer, in ms */
  async disconnect(): Promise<number> {
    this.#end.abort()
    await this.#running
    return this.#gapMs
  }

  async #work(first: ImapWire): Promise<void> {
    let wire: ImapWire | null = first
    while (!this.#end.signal.aborted) {
      try {
        wire ??= await selected(this.#account)
        await wire.command('NOOP')
        this.#gapMs = Math.max(this.#gapMs, Math.round(performance.now() - this.#heard))
        this.#heard = performance.now()
      } catch (error) {
        if (/AUTHENTICATIONFAILED/.test(String(error))) throw error
        wire = null
      }
      await pause(ASKS_EVERY_MS)
    }
    await wire?.[Symbol.asyncDispose]()
  }
}

async function selected(account: ImapAccount): Promise<ImapWire> {
  const wire = await ImapWire.open(account)
  await wire.command('SELECT INBOX')
  return wire
}
