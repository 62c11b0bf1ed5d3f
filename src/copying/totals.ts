import type { EngineName } from '../model/provider.ts'

/** What an engine has brought from a provider's source, ever. */
export interface CopiedTotal {
  readonly provider: string
  readonly engine: EngineName
  readonly messages: number
  readonly bytes: number
}

export interface CopiedTotals {
  /** Adds to what is there; of a provider that was removed nothing is kept. */
  add(more: readonly CopiedTotal[]): Promise<void>
}

/** Counts what comes from sources, and now and then writes it down. */
export class Totals {
  readonly #totals: CopiedTotals
  #unwritten = new Map<string, CopiedTotal>()

  constructor(totals: CopiedTotals) {
    this.#totals = totals
  }

  add(one: CopiedTotal): void {
    const key = `${one.engine} ${one.provider}`
    const { messages, bytes } = this.#unwritten.get(key) ?? { messages: 0, bytes: 0 }
    this.#unwritten.set(key, { ...one, messages: messages + one.messages, bytes: bytes + one.bytes })
  }

  /** What cannot be written is kept for the next time. */
  async write(): Promise<void> {
    const more = [...this.#unwritten.values()]
    if (more.length === 0) return
    this.#unwritten = new Map()
    try {
      await this.#totals.add(more)
    } catch {
      for (const one of more) this.add(one)
    }
  }
}
