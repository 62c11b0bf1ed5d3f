/**
 * Whether an IMAP LIST pattern matches a readable name (RFC 3501, section 6.3.8): `*` is anything, `%` anything within
 * one level; INBOX is INBOX in any case. The time it takes grows with the two lengths only. It decides as
 * `patterns.matches` of the pythonfile does.
 */
export function matchesPattern(pattern: string, name: string, separator: string | null): boolean {
  const characters = Array.from(name)
  const first = separator ? name.split(separator, 1)[0] : name
  const inbox = first === 'INBOX' ? 5 : 0
  let ends = new Set([0])
  for (const sign of pattern) {
    if (sign === '*' || sign === '%') ends = reachable(ends, characters, sign === '%' ? separator : null)
    else ends = new Set([...ends].filter((end) => isSame(sign, characters[end], end < inbox)).map((end) => end + 1))
  }
  return ends.has(characters.length)
}

function isSame(sign: string, character: string | undefined, anyCase: boolean): boolean {
  return character !== undefined && (sign === character || (anyCase && sign.toUpperCase() === character))
}

function reachable(starts: ReadonlySet<number>, name: readonly string[], stop: string | null): Set<number> {
  const found = new Set<number>()
  let reached = false
  for (let end = 0; end <= name.length; end++) {
    reached = starts.has(end) || (reached && (stop === null || name[end - 1] !== stop))
    if (reached) found.add(end)
  }
  return found
}
