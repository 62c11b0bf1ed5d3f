import type { Watcher } from '../../copying/worker.ts'
import { count, people } from '../../model/count.ts'
import { STRANDED_STEP, strandedText } from '../../operations/next-steps.ts'
import { explain } from './exit.ts'
import { Pace } from './pace.ts'
import { json, visible } from './text.ts'

export interface Screen {
  readonly isTerminal: boolean
  readonly asJson: boolean
  write(text: string): void
}

const LINE_START = '\r\x1b[K'
const SHOW_MS = 500

/** Tells people what a worker does: a line for each job, and on a terminal how far it is. */
export class Progress implements Watcher, Disposable {
  readonly #screen: Screen
  /** Of the jobs that did what they were for: whoever fails at once brings the end no nearer. */
  readonly #people = new Pace()
  readonly #mail = new Pace()
  readonly #timer: NodeJS.Timeout | undefined
  #count = { waiting: 0, running: 0 }
  #stranded = ''
  #done = 0
  #unfinished = 0
  #messages = 0

  constructor(screen: Screen) {
    this.#screen = screen
    if (screen.isTerminal && !screen.asJson) this.#timer = setInterval(() => this.#show(), SHOW_MS)
  }

  begun: Watcher['begun'] = ({ address }) => {
    if (this.#screen.asJson) this.#tell({ event: 'begun', address })
  }

  message = (): void => {
    this.#messages++
  }

  ended: Watcher['ended'] = ({ address, ending, result, startedAt, waitMs, isFinished }) => {
    const seconds = (Date.now() - startedAt.getTime()) / 1000
    const isDone = ending === 'complete' || ending === 'unchanged'
    if (isDone) this.#done++
    else this.#unfinished++
    const { folders = 0, messages = 0 } = result ?? {}
    const next = waitMs === null ? null : Math.round(waitMs / 1000)
    const told = { address, outcome: ending, folders, messages, seconds, next, finished: isFinished }
    if (this.#screen.asJson) return this.#tell({ event: 'ended', ...told })
    const copied = ending === 'unchanged' ? '' : `, ${count(messages)} messages copied in ${seconds.toFixed(1)} s`
    const after = isFinished
      ? '; finished'
      : isDone
        ? ''
        : waitMs === null
          ? '; needs attention'
          : `; again in ${next} s`
    this.#line(`${address}: ${ending}${copied}${after}`)
  }

  trouble: Watcher['trouble'] = (error) => {
    const message = explain(error).line.trim()
    if (this.#screen.asJson) this.#tell({ event: 'trouble', message })
    else this.#line(message)
  }

  counted: Watcher['counted'] = (count) => {
    this.#count = count
  }

  stranded: Watcher['stranded'] = (all) => {
    const text = all.map(strandedText).join('; ')
    if (text === this.#stranded) return
    this.#stranded = text
    if (all.length === 0) return
    if (this.#screen.asJson) this.#tell({ event: 'stranded', copying_hosts: all })
    else this.#line(`${text}: ${STRANDED_STEP}`)
  };

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    if (this.#screen.asJson) this.#tell({ event: 'end', ...this.#sum() })
    else
      this.#line(
        `${count(this.#done)} people done, ${count(this.#unfinished)} not done, ${count(this.#messages)} messages`,
      )
  }

  #sum() {
    return { done: this.#done, not_done: this.#unfinished, messages: this.#messages, ...this.#count }
  }

  #tell(event: Record<string, unknown>): void {
    this.#screen.write(`${json({ time: new Date(), ...event })}\n`)
  }

  #line(text: string): void {
    this.#screen.write(`${this.#timer === undefined ? '' : LINE_START}${visible(text)}\n`)
  }

  #show(): void {
    const { waiting, running } = this.#count
    const all = this.#done + waiting + running
    this.#people.note(this.#done, all === 0 ? undefined : this.#done / all)
    this.#mail.note(this.#messages)
    const [share, , left] = this.#people.words()
    const rate = this.#mail.words().map((words) => ` (${words})`)
    const parts = [
      `${count(this.#done)} of ${people(all)} done`,
      ...(this.#unfinished > 0 ? [`${count(this.#unfinished)} not done`] : []),
      `${running} running`,
      `${count(this.#messages)} messages${rate.join('')}`,
      ...[share, left].filter((text) => text !== undefined),
    ]
    this.#screen.write(`${LINE_START}${parts.join(', ')}`)
  }
}
