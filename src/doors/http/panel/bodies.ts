import { Type } from 'typebox'

/** Why somebody does what a form does; every form that changes something may say it. */
export const Why = Type.Object({ reason: Type.Optional(Type.String({ maxLength: 500 })) })
