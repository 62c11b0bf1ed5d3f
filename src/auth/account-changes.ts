const MOST = 10_000

/** Which accounts have changed since some moment. Of very many, the oldest changes count as changes of all. */
export class AccountChanges {
  #count = 0
  /** What began before this change is void, whoever it is about. */
  #allAt = 0
  readonly #last = new Map<string, number>()

  /** The moment: how many changes there were. */
  get count(): number {
    return this.#count
  }

  /** @param address null: any account may have changed */
  note(address: string | null): void {
    this.#count++
    if (address === null) {
      this.#allAt = this.#count
      this.#last.clear()
      return
    }
    // Again as the last one.
    this.#last.delete(address)
    this.#last.set(address, this.#count)
    if (this.#last.size > MOST) this.#giveUpOldest()
  }

  has(address: string, since: number): boolean {
    return Math.max(this.#allAt, this.#last.get(address) ?? 0) > since
  }

  #giveUpOldest(): void {
    for (const [address, at] of this.#last) {
      this.#last.delete(address)
      this.#allAt = at
      return
    }
  }
}
