import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox'

// What the schemas of the API are made of.

export const Time = Type.Unsafe<Date>({ type: 'string', format: 'date-time' })

export function orNull<S extends TSchema>(schema: S) {
  return Type.Union([schema, Type.Null()])
}

export function listOf<S extends TSchema>(items: S) {
  return Type.Unsafe<readonly Static<S>[]>(Type.Array(items))
}

/** Refers to a component by its name. */
export function the<S extends TObject>(component: S) {
  return Type.Unsafe<Static<S>>({ $ref: `${(component as { $id?: string }).$id}#` })
}

/** What a question may say, and nothing else: a slip of the pen must not do something else than was meant. */
export function exactly<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false })
}

export const Count = Type.Integer({ minimum: 0 })
export const Text = Type.String()

export const Mistake = Type.Object(
  {
    error: Type.String({ description: 'What was wrong, for a person' }),
    fields: Type.Optional(Type.Record(Text, Text, { description: 'What each wrong field must be' })),
  },
  { $id: 'Mistake' },
)
