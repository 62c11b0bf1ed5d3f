import { dirname } from 'node:path'

/** Where the code lies, with what it reads beside it: `src`, or `dist`, whose JavaScript lies flat there. */
export const CODE = import.meta.dirname
/** Where package.json, bin, deploy and sql lie. */
export const PROGRAM = dirname(CODE)
