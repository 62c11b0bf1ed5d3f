import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import { Refused } from '../../model/refused.ts'
import { isDatabaseAway, isNulInText } from '../../operations/database-errors.ts'
import { tryLater } from '../auth/overload.ts'
import { STATUS } from '../refused-status.ts'

/** Answers what cannot be done with what a person can do about it; our own mistakes it leaves alone. */
export function explainErrors(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError, _, reply) => {
    if (error instanceof Refused) {
      const { code, message, fields } = error
      if (code === 'unavailable') tryLater(reply)
      return reply.code(STATUS[code]).send({ error: message, ...(fields !== null && { fields }) })
    }
    const fields = fieldsIn(error)
    if (fields !== null) return reply.code(400).send({ error: 'some fields cannot be used', fields })
    if (isDatabaseAway(error)) return databaseAway(reply)
    if (isNulInText(error)) return reply.code(400).send({ error: 'no text may have a NUL in it' })
    throw error
  })
}

export function databaseAway(reply: FastifyReply): FastifyReply {
  return tryLater(reply).send({ error: 'the database is away, or not ready yet: /readyz says more' })
}

type Details = Partial<Record<'requiredProperties' | 'additionalProperties' | 'allowedValues', readonly string[]>>

/** The fields that do not fit their schema; null: the error is another one. */
function fieldsIn({ validation, validationContext }: FastifyError): Record<string, string> | null {
  if (validation === undefined) return null
  return Object.fromEntries(
    validation.flatMap(({ instancePath, message = 'is wrong', params }) => {
      const { requiredProperties, additionalProperties, allowedValues } = params as Details
      if (requiredProperties !== undefined) return requiredProperties.map((name) => [name, 'It is missing.'])
      if (additionalProperties !== undefined) return additionalProperties.map((name) => [name, 'It is not known here.'])
      const sentence = allowedValues === undefined ? message : `must be one of ${allowedValues.join(', ')}`
      return [[instancePath.split('/')[1] || String(validationContext), `It ${sentence}.`]]
    }),
  )
}
