import { type TOptional, type TString, Type } from 'typebox'
import { LEAST_PASSWORD_LENGTH } from '../../model/administrator.ts'
import { type Described, fieldsOf } from '../../operations/operation.ts'
import type { Notice } from './page.ts'

/** What is typed again by whoever has to send a form once more, and is kept nowhere. */
export function Secret(maxLength = 1024) {
  return Type.String({ maxLength, format: 'password' })
}

const TEXT_LENGTH = 16_384

/**
 * A form that says what an operation takes: what is ticked is there, what is not is missing.
 * @param names of the fields that the form has; default: all
 */
export function bodyOf(operation: Described, names?: readonly string[]) {
  const fields = Object.entries(fieldsOf(operation)).filter(([name]) => names?.includes(name) ?? true)
  const texts = fields.map(([name, { isSecret }]) => {
    return [name, Type.Optional(isSecret ? Secret() : Type.String({ maxLength: TEXT_LENGTH }))]
  })
  return Type.Object(Object.fromEntries(texts) as Record<string, TextBody>)
}

type TextBody = TOptional<TString>

/** What is said of a password that an administrator may not have. */
export const SHORT_PASSWORD: Notice = {
  kind: 'bad',
  text: `Nothing is changed: a password has at least ${LEAST_PASSWORD_LENGTH} characters, on one line.`,
}
