import { join } from 'node:path'
import { decodeName } from '../support/mailbox-names.ts'
import type { Postferry } from './postferry.ts'
import { columns, dim, say, shortened } from './show.ts'
import type { Stage } from './stage.ts'

export interface Task {
  /** What emit-offlineimaprc wrote. */
  file: string
  /** Whom OfflineIMAP's account names stand for. */
  names: Map<string, string>
  /** How many messages there are at the source. */
  messages: number
}

/** Runs the real OfflineIMAP and shows how far it is. @returns how many messages it copied */
export async function copy(stage: Stage, ferry: Postferry, task: Task): Promise<number> {
  say(dim(`$ offlineimap -c ${task.file}`))
  const progress = new Progress(task)
  const log = join(stage.folder, 'offlineimap.log')
  const running = await stage.start(() =>
    ferry.run('offlineimap', ['-c', task.file], { log, line: (line) => progress.read(line) }),
  )
  const code = await running.ended
  progress.end()
  if (code !== 0) throw new Error(`offlineimap ended with ${code}: ${running.output.slice(-5).join('\n')}`)
  return progress.copied
}

const BAR = 24
const LINE_EVERY = 100

/** What OfflineIMAP's "basic" interface writes, as a bar on a terminal, elsewhere as a line now and then. */
class Progress {
  copied = 0
  readonly #task: Task
  #account = ''
  #copiedOfAccount = 0
  #drawnAt = 0

  constructor(task: Task) {
    this.#task = task
  }

  read(line: string): void {
    const [, account, folder] = / *Copy message UID .* (m-\d+)-old:(.*) -> /.exec(line) ?? []
    if (account && folder !== undefined) this.#count(account, folder)
    const complete = /postferry: (?:Account )?(m-\d+) complete/.exec(line)?.[1]
    if (complete) this.#complete(complete)
  }

  /** Takes the bar away. */
  end(): void {
    this.#draw('')
  }

  #count(account: string, folder: string): void {
    this.copied++
    if (account !== this.#account) this.#copiedOfAccount = 0
    this.#account = account
    this.#copiedOfAccount++
    const { messages } = this.#task
    const so = `${this.copied} of ${messages} messages`
    if (!process.stdout.isTTY && this.copied % LINE_EVERY === 0) say(so)
    if (Date.now() - this.#drawnAt < 80) return
    this.#drawnAt = Date.now()
    const filled = Math.min(BAR, Math.round((this.copied / messages) * BAR))
    const bar = '█'.repeat(filled) + dim('░'.repeat(BAR - filled))
    this.#draw(
      `   ${bar}  ${so}  ${shortened(`${this.#nameOf(account)}  ${decodeName(folder)}`, columns() - so.length - BAR - 9)}`,
    )
  }

  #complete(account: string): void {
    this.#draw('')
    const copied = account === this.#account ? this.#copiedOfAccount : 0
    say(`${this.#nameOf(account)} is complete: ${copied} messages copied`)
  }

  #draw(line: string): void {
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}`)
  }

  #nameOf(account: string): string {
    return this.#task.names.get(account) ?? account
  }
}
