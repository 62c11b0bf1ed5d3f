import { type JsonSchema, type ObjectSchema, Type } from '../model/json-schema.ts'

// What the schemas of the API are made of.

export const Time = Type.String({ format: 'date-time' })

export function orNull(schema: JsonSchema): JsonSchema {
  return Type.Union([schema, Type.Null()])
}

export function listOf(items: JsonSchema): JsonSchema {
  return Type.Array(items)
}

/** Refers to a component by its name. */
export function the({ $id }: JsonSchema): JsonSchema {
  return { $ref: `${$id}#` }
}

/** What a request may say, and nothing else: a slip of the pen must not do something else than was meant. */
export function exactly(properties: Readonly<Record<string, JsonSchema>>): ObjectSchema {
  return Type.Object(properties, { additionalProperties: false })
}

export const Count = Type.Integer({ minimum: 0 })
export const Text = Type.String()

/** People are counted by how far they are, and all of them. */
export const PEOPLE = ['awaited', 'pending', 'copying', 'synced', 'done', 'paused', 'failed', 'people'] as const

export const Mistake = Type.Object(
  {
    error: Type.String({ description: 'What was wrong, for a person' }),
    fields: Type.Optional(Type.Record(Text, { description: 'What each wrong field must be' })),
  },
  { $id: 'Mistake' },
)
