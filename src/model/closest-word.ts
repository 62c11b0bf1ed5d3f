/** The known word that somebody may have meant with a word that is not known; null when none is near. */
export function likeliest(word: string, known: Iterable<string>): string | null {
  let [nearest, least]: [string | null, number] = [null, Math.max(2, Math.ceil(word.length / 4)) + 1]
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < least) [nearest, least] = [candidate, distance]
  }
  return nearest
}

/** How many letters have to be added, left out, replaced or swapped with the next to make one of the other. */
function editDistance(one: string, other: string): number {
  const lines = [Array.from({ length: other.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number) => lines[row]?.[column] ?? Number.POSITIVE_INFINITY
  for (let row = 1; row <= one.length; row++) {
    const line = [row]
    lines.push(line)
    for (let column = 1; column <= other.length; column++) {
      const replaced = at(row - 1, column - 1) + (one[row - 1] === other[column - 1] ? 0 : 1)
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
      const swapped = isSwapped ? at(row - 2, column - 2) + 1 : replaced
      line.push(Math.min(replaced, swapped, at(row - 1, column) + 1, at(row, column - 1) + 1))
    }
  }
  return at(one.length, other.length)
}
