import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'

const CHECKOUT = join(import.meta.dirname, '../..')

/** The programs as the launchers in bin/ start them. */
export const MAIN = join(CHECKOUT, 'dist/main.js')
export const EMIT = join(CHECKOUT, 'dist/emit-offlineimaprc.js')

const changed = Math.max(...globSync('src/**/*.ts', { cwd: CHECKOUT }).map((file) => changedAt(join(CHECKOUT, file))))
if (changedAt(MAIN) < changed) throw new Error('src/ has changed since dist/ was made of it: npm run build')

function changedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
