/** UIDs of one mailbox, written as IMAP does (RFC 3501, sequence-set): `1:500,503`. */
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

  /**
   * Those of the ascending UIDs of a mailbox that belong. UIDs between them that the mailbox does not have may belong
   * too: they never come back, and so the text stays short.
   */
  static among(existing: readonly number[], belongs: (uid: number) => boolean): UidSet {
    const ranges: [number, number][] = []
    let open: [number, number] | null = null
    for (const uid of existing) {
      if (!belongs(uid)) {
        open = null
      } else if (open === null) {
        open = [uid, uid]
        ranges.push(open)
      } else {
        open[1] = uid
      }
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

  toString(): string {
    return this.#ranges.map(([first, last]) => (first === last ? first : `${first}:${last}`)).join(',')
  }
}
