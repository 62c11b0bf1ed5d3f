import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROGRAM } from '../installed.ts'

/** Of this program. */
export function version(): string {
  return JSON.parse(readFileSync(join(PROGRAM, 'package.json'), 'utf8')).version
}
