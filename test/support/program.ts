import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'

const CHECKOUT = join(import.meta.dirname, '../..')

/** The programs as the launchers in bin/ start them. */
export const MAIN = join(CHECKOUT, 'dist/main.js')
export const EMIT = join(CHECKOUT, 'dist/emit-offlineimaprc.js')
export const EMBEDDED = join(CHECKOUT, 'dist/embedded-postgresql.js')

/** What dist/ is made of. */
const MADE_OF = ['src/**/*.{ts,cts,py,js,css,svg}', 'build/compile.ts', 'package-lock.json']

const changed = Math.max(...globSync(MADE_OF, { cwd: CHECKOUT }).map((file) => changedAt(join(CHECKOUT, file))))
if (changedAt(MAIN) < changed) throw new Error('dist/ is older than what it is made of: npm run build')

function changedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
