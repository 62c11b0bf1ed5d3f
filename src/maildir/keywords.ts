import { join } from 'node:path'
import { openRegular } from '../files/regular-file.ts'

/** A Maildir's letters for keywords are `a` to `z`. */
export const KEYWORDS_LIMIT = 26
const FIRST = 'a'.charCodeAt(0)

/** What the letters of a folder's files stand for, as Dovecot keeps it: `0 $Forwarded`. */
export async function keywordsOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await textOf(join(folder, 'dovecot-keywords'))).split('\n')
  const found = new Map<string, string>()
  for (const line of lines) {
    const [, number, word = ''] = /^(\d+) (.+)$/.exec(line) ?? []
    if (Number(number) < KEYWORDS_LIMIT) found.set(String.fromCharCode(FIRST + Number(number)), word)
  }
  return found
}

/** The words for the letters in a file's name, sorted. */
export function keywordsIn(info: string, words: ReadonlyMap<string, string>): string[] {
  const letters = Array.from(info.replace(/[^a-z]/g, ''))
  return letters.flatMap((letter) => words.get(letter) ?? []).sort()
}

/** Empty when there is no such file. */
export async function textOf(path: string): Promise<string> {
  try {
    await using file = await openRegular(path)
    return file === null ? '' : await file.readFile('utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return ''
    throw error
  }
}
