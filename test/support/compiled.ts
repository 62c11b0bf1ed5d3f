import { join } from 'node:path'

/** Environment in which commands keep their compiled code for each other: they start in half the time. */
export const COMPILED = { NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/compiled') }
