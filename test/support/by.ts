import type { By } from '../../src/model/audit.ts'

/** Who changes what tests change. */
export const BY: By = { actor: 'tests', reason: null }
