import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const CHECKOUT = join(import.meta.dirname, '../..')

/** The lines of the page's block that has one with these words. */
export function linesOf(page: string, words: string): string[] {
  const blocks = readFileSync(join(CHECKOUT, page), 'utf8').split(/^```(?:sh)?$/m)
  const lines = blocks
    .find((block) => block.split('\n').some((line) => line.startsWith(words)))
    ?.trim()
    .split('\n')
    .filter((line) => line !== '')
  if (lines === undefined) throw new Error(`${page} has no block with ${words}`)
  return lines
}
