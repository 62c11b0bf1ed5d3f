import { Type } from 'typebox'
import type { By } from '../../model/audit.ts'
import { reason as readReason } from '../../operations/fields.ts'
import { exactly } from '../../operations/schema.ts'
import { readingAny } from './wrong.ts'

/** Who changes something through the API, for the audit. */
const ACTOR = 'api'

export const Reason = Type.Optional(Type.String({ description: 'Why, for the audit' }))
export const ReasonBody = exactly({ reason: Reason })

/** @throws Refused */
export function by(reason: string | undefined): By {
  return { actor: ACTOR, reason: readingAny('reason', readReason, reason) ?? null }
}
