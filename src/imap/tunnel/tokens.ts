import type { Token } from '../read/raw.ts'

// `BODY[HEADER.FIELDS (DATE)]<0>` is one word.
const NEXT = /\s*(?:([()])|"((?:[^"\\]|\\.)*)"|([^\s()"[]+(?:\[[^\]]*\](?:<\d+>)?)?))/y

/** A response's values as imapflow parses them; null: that is none. */
export function tokensIn(text: string): Token[] | null {
  const open: Token[][] = [[]]
  NEXT.lastIndex = 0
  while (NEXT.lastIndex < text.length) {
    const [found, bracket, quoted, word] = NEXT.exec(text) ?? []
    if (found === undefined) return null
    if (bracket === '(') open.push([])
    else if (bracket === ')') {
      const list = open.pop() ?? []
      if (open.length === 0) return null
      open.at(-1)?.push(list)
    } else open.at(-1)?.push(tokenOf(quoted, word ?? ''))
  }
  return open.length === 1 ? (open[0] ?? null) : null
}

function tokenOf(quoted: string | undefined, word: string): Token {
  if (quoted !== undefined) return { type: 'STRING', value: quoted.replace(/\\(.)/g, '$1') }
  return word.toUpperCase() === 'NIL' ? null : { type: 'ATOM', value: word }
}
