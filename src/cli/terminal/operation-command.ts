import { resolve } from 'node:path'
import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import { isRefused } from '../../model/refused.ts'
import type { House } from '../../operations/house.ts'
import {
  type Described,
  type Field,
  type Fields,
  fieldsOf,
  isFlag,
  type Operation,
  type Said,
} from '../../operations/operation.ts'
import type { CliDeps } from '../deps.ts'
import { cliActor } from './actor.ts'
import { examples } from './arguments.ts'
import { printDone, printList, printRecord } from './output.ts'
import { readPassword } from './password-input.ts'

export interface CommandShape<F extends Fields> {
  /** The fields that are arguments, in their order; a secret is read from standard input, others are options. */
  readonly arguments?: readonly (keyof F & string)[]
  readonly examples: readonly string[]
}

interface DoneShape<F extends Fields, R> extends CommandShape<F> {
  /** Before anything is opened. @throws Failure when it is no use */
  check?(said: Said): void
  /** What `--json` prints. */
  readonly json?: string
  /** What was done, as a sentence. */
  done(result: R, said: Said): string
  /** What else is printed for a person, after the sentence. */
  also?(result: R): Promise<void>
  /** Before a secret is asked for: whose it is. @throws Refused when it would be typed for nothing */
  whose?(house: House, said: Said): Promise<string>
}

/** Makes an operation a command that prints what it did, or its answer as JSON. */
export function addOperation<F extends Fields, R>(
  parent: Command,
  word: string,
  operation: Operation<F, R, House>,
  { open }: CliDeps,
  shape: DoneShape<F, R>,
): void {
  const command = commandOf(parent, word, operation, shape)
  command.option('--json', `print ${shape.json ?? 'the result'} as JSON`).action(async (...given: unknown[]) => {
    const typed = saidIn(operation, command, given)
    shape.check?.(typed)
    await using house = await open()
    const said = await withSecret(operation, shape, house, typed)
    const result = await house.perform(operation, said, CALLER())
    const options = command.opts<{ json?: boolean }>()
    await printDone(await operation.answer.row(result), shape.done(result, said), options)
    if (!options.json) await shape.also?.(result)
  })
}

/** Makes an operation a command that prints a list, as a table or as one JSON array. */
export function addListing<F extends Fields, T>(
  parent: Command,
  word: string,
  operation: Operation<F, readonly T[] | AsyncIterable<T>, House>,
  { open }: CliDeps,
  shape: CommandShape<F> & { readonly columns: readonly string[]; row(item: T): Record<string, unknown> },
): void {
  const command = commandOf(parent, word, operation, shape)
  command.option('--json', 'print one JSON array').action(async (...given: unknown[]) => {
    await using house = await open()
    const items = await house.perform(operation, saidIn(operation, command, given), CALLER())
    await printList(items, shape, command.opts())
  })
}

/** Makes an operation a command that prints one record, field by field or as JSON. */
export function addRecord<F extends Fields, R>(
  parent: Command,
  word: string,
  operation: Operation<F, R, House>,
  { open }: CliDeps,
  shape: CommandShape<F> & { row(result: R, house: House): Promise<Record<string, unknown>> },
): void {
  const command = commandOf(parent, word, operation, shape)
  command.option('--json', 'print one JSON object').action(async (...given: unknown[]) => {
    await using house = await open()
    const result = await house.perform(operation, saidIn(operation, command, given), CALLER())
    await printRecord(await shape.row(result, house), command.opts())
  })
}

export const CALLER = () => ({ actor: cliActor(), role: 'owner' }) as const

function commandOf<F extends Fields>(
  parent: Command,
  word: string,
  operation: Described<F>,
  { arguments: names = [], examples: lines }: CommandShape<F>,
): Command {
  const command = parent.command(word).description(lowerCase(operation.summary))
  const fields: Fields = fieldsOf(operation)
  for (const name of names) {
    const field = fields[name] as Field<unknown>
    const argument = new Argument(field.isRequired ? `<${name}>` : `[${name}]`, aboutOf(field))
    command.addArgument(parsed(argument, field))
  }
  for (const [name, field] of Object.entries(fields)) {
    if (names.includes(name) || field.isSecret) continue
    command.addOption(optionOf(name, field))
    if (field.takeAway !== undefined) command.option(`--no-${hyphened(name)}`, field.takeAway)
  }
  return examples(command, ...lines)
}

function optionOf(name: string, field: Field<unknown>): Option {
  const long = `--${hyphened(name)}`
  if (isFlag(field)) return new Option(long, aboutOf(field))
  const option = new Option(`${long} <${field.placeholder ?? name.split('_').at(-1)}>`, aboutOf(field))
  if (field.isRequired) option.makeOptionMandatory()
  return parsed(option, field)
}

/** Help shows the words to choose from, and whatever is said is read by the field. */
function parsed<C extends Argument | Option>(item: C, field: Field<unknown>): C {
  const { enum: words } = field.schema as { enum?: readonly string[] }
  if (words !== undefined) item.choices(words)
  item.argParser(parserOf(field))
  return item
}

type Parser = (text: string, before: unknown) => unknown

/** What the field refuses ends as a usage error that names the option or argument; the text stays as it is. */
function parserOf(field: Field<unknown>): Parser {
  return (typed, before) => {
    const text = field.isFile ? resolve(typed) : typed
    try {
      field.read(text)
    } catch (error) {
      throw isRefused(error, 'invalid') ? new InvalidArgumentError(error.message) : error
    }
    return field.isMany ? [...((before || []) as readonly string[]), text] : text
  }
}

/** What was said, and the secret that the operation takes, from standard input. */
async function withSecret<F extends Fields, R>(
  { fields }: Described<F>,
  { whose }: DoneShape<F, R>,
  house: House,
  said: Said,
): Promise<Said> {
  const name = Object.keys(fields).find((name) => fields[name]?.isSecret)
  if (name === undefined || whose === undefined) return said
  const secret = await readPassword(await whose(house, said))
  // What is wrong with it is said without the name of an option that nobody gave.
  fields[name]?.read(secret)
  return { ...said, [name]: secret }
}

function saidIn(operation: Described, command: Command, given: readonly unknown[]): Said {
  const options = command.opts<Record<string, unknown>>()
  const said: Record<string, string | readonly string[] | undefined> = {}
  command.registeredArguments.forEach((argument, at) => {
    said[argument.name()] = given[at] as string | undefined
  })
  for (const [name, field] of Object.entries(fieldsOf(operation))) {
    const value = options[camelCase(name)]
    if (value === undefined) continue
    if (value === false && !isFlag(field)) said[name] = field.isMany ? [] : ''
    else said[name] = Array.isArray(value) ? value : String(value)
  }
  return said
}

function aboutOf({ about, fallback, isMany }: Field<unknown>): string {
  const said = isMany ? `${about}; may be repeated` : about
  return fallback === undefined ? said : `${said} (default: ${fallback})`
}

function hyphened(name: string): string {
  return name.replaceAll('_', '-')
}

function camelCase(name: string): string {
  return name.replaceAll(/_(\w)/g, (_, letter) => letter.toUpperCase())
}

function lowerCase(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}
