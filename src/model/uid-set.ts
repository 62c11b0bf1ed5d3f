/** UIDs or numbers of messages in one mailbox, written as IMAP does (RFC 3501, sequence-set): `1:500,503`. */
export class UidSet {
  readonly #ranges: readonly (readonly [number, number])[]

  private constructor(ranges: readonly (readonly [number, number])[]) {
    this.#ranges = ranges
  }

  static parse(text: string): UidSet {
    const parts = text === '' ? [] : text.split(',')
    return new UidSet(
      parts.map((part) => {
        const [first = 0, last = first] = part.split(':').map(Number)
        return [first, last]
      }),
    )
  }

  /** Exactly these, ascending: nobody knows what is between them. */
  static of(uids: Iterable<number>): UidSet {
    const ranges: [number, number][] = []
    for (const uid of uids) {
      const last = ranges.at(-1)
      if (last?.[1] === uid - 1) last[1] = uid
      else ranges.push([uid, uid])
    }
    return new UidSet(ranges)
  }

  has(uid: number): boolean {
    let [low, high] = [0, this.#ranges.length - 1]
    while (low <= high) {
      const middle = (low + high) >> 1
      const [first, last] = this.#ranges[middle] as readonly [number, number]
      if (uid < first) high = middle - 1
      else if (uid > last) low = middle + 1
      else return true
    }
    return false
  }

  /** Whether one of them lies there. */
  reaches(first: number, last: number): boolean {
    return this.#ranges.some(([from, to]) => from <= last && to >= first)
  }

  *[Symbol.iterator](): Generator<number> {
    for (const [first, last] of this.#ranges) for (let uid = first; uid <= last; uid++) yield uid
  }

  toString(): string {
    return this.#ranges.map(([first, last]) => (first === last ? first : `${first}:${last}`)).join(',')
  }
}
