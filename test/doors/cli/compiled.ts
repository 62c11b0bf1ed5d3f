import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'mailferry-compiled-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

/** Environment in which commands keep their compiled code for each other: they start in half the time. */
export const COMPILED = { NODE_COMPILE_CACHE: folder }
