/** Maildir's letters for the system flags. */
const LETTERS: Readonly<Record<string, string>> = {
  '\\Draft': 'D',
  '\\Flagged': 'F',
  '\\Answered': 'R',
  '\\Seen': 'S',
  '\\Deleted': 'T',
}
const NAMES = Object.fromEntries(Object.entries(LETTERS).map(([name, letter]) => [letter, name]))

/** The system flags among them, as the sync state has them. */
export function lettersOf(flags: readonly string[]): string {
  return flags
    .map((flag) => LETTERS[flag] ?? '')
    .sort()
    .join('')
}

export function keywordsOf(flags: readonly string[]): string[] {
  return flags.filter((flag) => !flag.startsWith('\\'))
}

/** System flags and keywords as Dovecot tells them, sorted. */
export function flagsIn(text: string): string[] {
  return text
    .split(' ')
    .filter((flag) => flag !== '' && flag !== '\\Recent')
    .sort()
}

export function flagsOf(letters: string, keywords: readonly string[]): string[] {
  return [...Array.from(letters, (letter) => NAMES[letter] ?? []).flat(), ...keywords].sort()
}

/** What the source has changed since the flags were merged: all else is the person's on the destination. */
export function changeOf(merged: readonly string[], now: readonly string[]): { add: string[]; remove: string[] } {
  return {
    add: now.filter((flag) => !merged.includes(flag)),
    remove: merged.filter((flag) => !now.includes(flag)),
  }
}
