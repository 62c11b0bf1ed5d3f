/** A schema as OpenAPI 3.1 has it (JSON Schema 2020-12). */
export type JsonSchema = Readonly<Record<string, unknown>>
export interface ObjectSchema extends JsonSchema {
  readonly properties: Readonly<Record<string, JsonSchema>>
}

// As typebox builds them, whose four hundred modules every command would wait for.

type More = Readonly<Record<string, unknown>>
const OPTIONAL = Symbol('optional')

export const Type = {
  String: (more: More = {}): JsonSchema => ({ type: 'string', ...more }),
  Integer: (more: More = {}): JsonSchema => ({ type: 'integer', ...more }),
  Number: (more: More = {}): JsonSchema => ({ type: 'number', ...more }),
  Boolean: (more: More = {}): JsonSchema => ({ type: 'boolean', ...more }),
  Null: (): JsonSchema => ({ type: 'null' }),
  Unknown: (more: More = {}): JsonSchema => ({ ...more }),
  Literal: (value: string | boolean): JsonSchema => ({ type: typeof value, const: value }),
  Enum: (words: readonly string[], more: More = {}): JsonSchema => ({ enum: words, ...more }),
  Array: (items: JsonSchema, more: More = {}): JsonSchema => ({ type: 'array', items, ...more }),
  Union: (schemas: readonly JsonSchema[]): JsonSchema => ({ anyOf: schemas }),
  /** An object of any names, with values of one kind. */
  Record: (values: JsonSchema, more: More = {}): JsonSchema => ({
    ...{ type: 'object', additionalProperties: values },
    ...more,
  }),
  /** A property that may be missing. */
  Optional: (schema: JsonSchema): JsonSchema => ({ ...schema, [OPTIONAL]: true }),
  Object(properties: Readonly<Record<string, JsonSchema>>, more: More = {}): ObjectSchema {
    const required = Object.keys(properties).filter((name) => !(OPTIONAL in (properties[name] ?? {})))
    return { type: 'object', required, properties, ...more }
  },
}
