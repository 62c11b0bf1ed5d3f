import type { RefusedCode } from '../model/refused.ts'

/** The HTTP status of a request that is not carried out. */
export const STATUS: Readonly<Record<RefusedCode, number>> = {
  invalid: 400,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  rejected: 409,
  unavailable: 503,
}
