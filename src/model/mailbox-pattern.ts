/**
 * Whether an IMAP LIST pattern matches a mailbox (RFC 3501, section 6.3.8): `*` is anything, `%` anything within one
 * level, INBOX is INBOX in any case. As the pythonfile of OfflineIMAP decides it.
 */
export function matchesPattern(pattern: string, name: string, separator: string | null): boolean {
  const first = separator === null ? name : name.split(separator, 1)[0]
  const inbox = first === 'INBOX' ? first.length : 0
  const characters = [...name]
  let ends = new Set([0])
  for (const sign of pattern) {
    if (sign === '*' || sign === '%') ends = reachable(ends, characters, sign === '%' ? separator : null)
    else ends = new Set([...ends].filter((end) => same(sign, characters[end], end < inbox)).map((end) => end + 1))
  }
  return ends.has(characters.length)
}

function same(sign: string, character: string | undefined, anyCase: boolean): boolean {
  return sign === character || (anyCase && sign.toUpperCase() === character)
}

function reachable(starts: Set<number>, name: string[], separator: string | null): Set<number> {
  const found = new Set<number>()
  let reached = false
  for (let end = 0; end <= name.length; end++) {
    reached = starts.has(end) || (reached && (separator === null || name[end - 1] !== separator))
    if (reached) found.add(end)
  }
  return found
}
