// https://cr.yp.to/proto/netstrings.txt

/** What was sent is no netstring, or a longer one than anybody has to send. */
export class NotANetstring extends Error {}

/** Longer than the longest address, each of its characters four bytes long. */
const MOST_BYTES = 4_096
const MOST_DIGITS = 4
/** Of a length that may go on. */
const DIGITS = /^(?:0|[1-9]\d*)?$/
const COLON = 0x3a
const COMMA = 0x2c
const NOTHING = Buffer.alloc(0)

/** Reads netstrings out of pieces that may end anywhere. */
export class NetstringReader {
  #rest: Buffer = NOTHING

  /** The texts that this piece completes, in their order. @throws NotANetstring */
  push(piece: Buffer): string[] {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    const texts: string[] = []
    let start = 0
    for (let next = nextIn(bytes, start); next !== null; next = nextIn(bytes, start)) {
      texts.push(bytes.toString('utf8', next.from, next.to))
      start = next.to + 1
    }
    this.#rest = bytes.subarray(start)
    return texts
  }
}

/** Where the text of the netstring that begins here lies; null: it is not complete yet. */
function nextIn(bytes: Buffer, start: number): { from: number; to: number } | null {
  const head = bytes.subarray(start, start + MOST_DIGITS + 1)
  const colon = head.indexOf(COLON)
  const digits = head.toString('latin1', 0, colon < 0 ? head.length : colon)
  if (!DIGITS.test(digits) || digits.length > MOST_DIGITS || (colon === 0 && digits === ''))
    throw new NotANetstring('no netstring')
  if (colon < 0) return null
  if (Number(digits) > MOST_BYTES) throw new NotANetstring('no netstring')
  const from = start + colon + 1
  const to = from + Number(digits)
  if (to >= bytes.length) return null
  if (bytes[to] !== COMMA) throw new NotANetstring('no netstring')
  return { from, to }
}

export function netstring(text: string): string {
  return `${Buffer.byteLength(text)}:${text},`
}
