import type { Stranded } from '../../copying/copying-hosts.ts'
import type { JobReport } from '../../copying/run-job.ts'
import type { Ending } from '../../copying/schedule.ts'
import type { Watcher } from '../../copying/worker.ts'
import { PASSING } from '../../model/attempt.ts'
import { nextStep, STRANDED_STEP, strandedText } from '../../operations/next-steps.ts'
import { explain } from './exit.ts'
import { visible } from './text.ts'

const ADDRESSES_SHOWN = 5

/** Tells at the end what failed, each kind in a line; nothing, when nothing did. */
export class Failures implements Watcher, Disposable {
  readonly #write: (text: string) => void
  readonly #people = new Map<Ending, { readonly addresses: Set<string>; again: boolean }>()
  readonly #troubles = new Set<string>()
  #stranded: readonly Stranded[] = []

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  begun = (): void => undefined
  message = (): void => undefined
  counted = (): void => undefined

  ended: Watcher['ended'] = ({ address, ending, waitMs, isFinished }: JobReport) => {
    if (ending === 'unchanged' || PASSING.includes(ending) || isFinished) return
    const { addresses } = this.#people.get(ending) ?? { addresses: new Set() }
    this.#people.set(ending, { addresses: addresses.add(address), again: waitMs !== null })
  }

  trouble: Watcher['trouble'] = (error) => {
    this.#troubles.add(explain(error).line.trim())
  }

  stranded: Watcher['stranded'] = (all) => {
    this.#stranded = all
  };

  [Symbol.dispose](): void {
    for (const line of this.#lines()) this.#write(`${visible(line)}\n`)
  }

  *#lines(): Generator<string> {
    yield* this.#troubles
    for (const [ending, { addresses, again }] of this.#people) {
      const shown = [...addresses].slice(0, ADDRESSES_SHOWN).join(', ')
      const more = addresses.size > ADDRESSES_SHOWN ? ` and ${addresses.size - ADDRESSES_SHOWN} more` : ''
      const remedy = again ? 'it is tried again' : (nextStep(ending) ?? 'it needs attention')
      yield `postferry: not copied, ${ending}: ${shown}${more}; ${remedy}`
    }
    for (const each of this.#stranded) yield `postferry: ${strandedText(each)}: ${STRANDED_STEP}`
  }
}
