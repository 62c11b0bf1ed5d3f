import { may, type Permission, type Role } from '../model/administrator.ts'
import type { By } from '../model/audit.ts'
import { type JsonSchema, Type } from '../model/json-schema.ts'
import { isRefused, Refused } from '../model/refused.ts'
import { reason } from './fields.ts'

/** One thing that a person says to an operation. Every interface hands it over as text. */
export interface Field<T> {
  /** A few words that say what it is: help, OpenAPI and forms show them. */
  readonly about: string
  /** What it is in JSON. */
  readonly schema: JsonSchema
  /** What is taken when nobody says anything, in words; missing: nothing is. */
  readonly fallback?: string
  readonly isRequired: boolean
  /** It may be said several times. */
  readonly isMany: boolean
  /** A secret is never part of a command line. */
  readonly isSecret: boolean
  /** null in JSON, or '' in a form, brings the default back. */
  readonly isClearable: boolean
  /** What the option `--no-…` of a command does; missing: there is none. */
  readonly takeAway?: string
  /** It is the path of a file: a command takes a relative one, too. */
  readonly isFile?: boolean
  /** What a command's help calls its value; default: the last word of the name. */
  readonly placeholder?: string
  /** @throws Refused what it must be */
  read(text: string): unknown
  /** Looks up what it names. @throws Refused */
  resolve?(read: unknown, deps: never): Promise<unknown>
  /** Never there: carries the type of what is read. */
  readonly type?: T
}

export type Fields = Readonly<Record<string, Field<unknown>>>
export type InputOf<F extends Fields> = {
  readonly [Name in keyof F]: F[Name] extends Field<infer T> ? T : never
}

/** What somebody said, as an interface has it: 'true' and 'false' are what may be ticked. */
export type Said = Readonly<Record<string, string | readonly string[] | undefined>>

/** What JSON says of a result. */
export interface Answer<R> {
  readonly schema: JsonSchema
  row(result: R): unknown | Promise<unknown>
}

/** Who asks for an operation. */
export interface Caller {
  /** For the audit: `cli:root`, `api`, `panel:anna`. */
  readonly actor: string
  readonly role: Role
}

/** What is known of an operation before anybody asks for it. */
export interface Described<F extends Fields = Fields> {
  /** Also the action in the audit, where it changes something: `domain.add`. */
  readonly name: string
  readonly permission: Permission
  /** One line for help and OpenAPI. */
  readonly summary: string
  readonly fields: F
  /** Missing: whatever changes something. */
  readonly isAudited?: boolean
}

/** What an administrator can do, once, for every interface. */
export interface Operation<F extends Fields, R, Deps> extends Described<F> {
  readonly answer: Answer<R>
  run: (input: InputOf<F>, deps: Deps, by: By) => Promise<R>
}

export function operation<F extends Fields, R, Deps>(record: Operation<F, R, Deps>): Operation<F, R, Deps> {
  return record
}

/** Why somebody changes something: every operation that does takes it. */
const REASON = optional(text(reason, 'reason, kept in the audit'))

/** The fields of an operation, with the reason where the audit takes one. */
export function fieldsOf({ permission, fields, isAudited = permission !== 'see' }: Described): Fields {
  return isAudited ? { ...fields, reason: REASON } : fields
}

export type Perform<Deps> = <F extends Fields, R>(
  operation: Operation<F, R, Deps>,
  said: Said,
  caller: Caller,
) => Promise<R>

/** Checks who asks and what is said, and carries the operation out. @throws Refused */
export function performer<Deps>(deps: Deps): Perform<Deps> {
  return async (operation, said, { actor, role }) => {
    if (!may(role, operation.permission)) throw new Refused('forbidden', `${role} may not do this: ${operation.name}`)
    const input = await readFields(fieldsOf(operation), said, deps)
    const reason = (input.reason as string | undefined) ?? null
    return await operation.run(input as InputOf<typeof operation.fields>, deps, { actor, reason })
  }
}

/** Reads all fields, to tell at once what is wrong with any. @throws Refused */
async function readFields<F extends Fields>(fields: F, said: Said, deps: unknown): Promise<InputOf<F>> {
  const wrong: Record<string, string> = {}
  const input: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    try {
      const read = readField(field, said[name])
      input[name] = (read ?? null) === null ? read : await (field.resolve?.(read, deps as never) ?? read)
    } catch (error) {
      if (!isRefused(error, 'invalid')) throw error
      wrong[name] = error.message
    }
  }
  if (Object.keys(wrong).length > 0) throw new Refused('invalid', 'some fields cannot be used', wrong)
  return input as InputOf<F>
}

function readField(field: Field<unknown>, said: Said[string]): unknown {
  if (said === undefined) {
    if (field.isRequired) throw new Refused('invalid', 'It is missing.')
    return undefined
  }
  if (field.isMany) return [said].flat().map((text) => field.read(text))
  if (said === '' && field.isClearable) return null
  if (typeof said !== 'string') throw new Refused('invalid', 'It may be said once.')
  return field.read(said)
}

interface Extra {
  readonly schema?: JsonSchema
  readonly fallback?: string
  readonly isSecret?: boolean
  readonly takeAway?: string
  readonly placeholder?: string
}

export function text<T>(read: (text: string) => T, about: string, extra: Extra = {}): Field<T> {
  const defaults = { isRequired: true, isMany: false, isSecret: false, isClearable: false }
  return { schema: Type.String(), ...defaults, ...extra, about, read }
}

export function secret<T>(read: (text: string) => T, about: string): Field<T> {
  return text(read, about, { isSecret: true })
}

export function oneOf<W extends string>(words: readonly W[], about: string, extra: Extra = {}): Field<W> {
  const read = (said: string) => {
    const word = words.find((word) => word === said)
    if (word === undefined) throw new Refused('invalid', `It must be one of ${words.join(', ')}.`)
    return word
  }
  return text(read, about, { schema: Type.Enum(words), ...extra })
}

/** Something that is ticked, or not. */
export function flag(about: string, extra: Extra = {}): Field<boolean | undefined> {
  const read = (said: string) => oneOf(['true', 'false'], '').read(said) === 'true'
  return optional(text(read, about, { ...extra, schema: Type.Boolean() }))
}

export function isFlag({ schema }: Pick<Field<unknown>, 'schema'>): boolean {
  return (schema as { type?: string }).type === 'boolean'
}

export function optional<T>(field: Field<T>): Field<T | undefined> {
  return { ...field, isRequired: false }
}

export function many<T>(field: Field<T>): Field<readonly T[]> {
  return { ...field, isMany: true, schema: Type.Array(field.schema) } as Field<readonly T[]>
}

/** A field whose default can be had back, where something else was said before. */
export function clearable<T>(field: Field<T>): Field<T | null> {
  return { ...field, isClearable: true } as Field<T | null>
}

/** A field that names something, which is looked up. */
export function resolved<A, B, Deps>(field: Field<A>, resolve: (read: A, deps: Deps) => Promise<B>): Field<B> {
  return { ...field, resolve } as Field<unknown> as Field<B>
}
