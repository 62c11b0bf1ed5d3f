import { resolve } from 'node:path'
import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import { isRefused } from '../../model/refused.ts'
import type { Deps, OperationDeps } from '../../operations/deps.ts'
import {
  type Described,
  type Field,
  type Fields,
  fieldsOf,
  isFlag,
  type Operation,
  type Said,
} from '../../operations/operation.ts'
import { LARGEST_PAGE, PAGE } from '../../operations/page.ts'
import type { Page } from '../../operations/ports.ts'
import type { CliDeps } from '../deps.ts'
import { cliActor } from './actor.ts'
import { examples, upTo } from './arguments.ts'
import { type ListShape, printCsv, printDone, printList, printRecord } from './output.ts'
import { readPassword } from './password-input.ts'

export interface CommandShape<F extends Fields> {
  /** The fields that are arguments, in their order; a secret is read from standard input, others are options. */
  readonly arguments?: readonly (keyof F & string)[]
  /** What help says besides. */
  readonly note?: string
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
  whose?(deps: Deps, said: Said): Promise<string>
}

/** Makes an operation a command that prints what it did, or its answer as JSON. */
export function addOperation<F extends Fields, R>(
  parent: Command,
  word: string,
  operation: Operation<F, R, OperationDeps>,
  { open }: CliDeps,
  shape: DoneShape<F, R>,
): void {
  const command = commandOf(parent, word, operation, shape)
  command.option('--json', `print ${shape.json ?? 'the result'} as JSON`).action(async (...given: unknown[]) => {
    const typed = saidIn(operation, shape, command, given)
    shape.check?.(typed)
    await using deps = await open()
    const said = await withSecret(operation, shape, deps, typed)
    const result = await deps.perform(operation, said, CALLER())
    const options = command.opts<{ json?: boolean }>()
    await printDone(await operation.answer.row(result), shape.done(result, said), options)
    if (!options.json) await shape.also?.(result)
  })
}

/** Makes an operation a command that prints a list, as a table or as one JSON array. */
export function addListing<F extends Fields, T>(
  parent: Command,
  word: string,
  operation: Operation<F, Listed<T>, OperationDeps>,
  { open }: CliDeps,
  shape: CommandShape<F> & Pick<ListShape<Row>, 'columns'>,
): void {
  const command = commandOf(parent, word, operation, shape)
  command.option('--limit <n>', 'print so many at most', upTo(Number.MAX_SAFE_INTEGER))
  command.addOption(new Option('--csv', 'print all fields as CSV').conflicts('json'))
  command.option('--json', 'print one JSON array').action(async (...given: unknown[]) => {
    const options = command.opts<{ json?: boolean; csv?: boolean; limit?: number }>()
    await using deps = await open()
    const { limit: _, ...said } = saidIn(operation, shape, command, given)
    const rows = firstOf(listed(deps, operation, said), options.limit)
    const list = { ...shape, row: (row: Row) => row }
    await (options.csv ? printCsv(rows, list) : printList(rows, list, options))
  })
}

async function* firstOf<T>(rows: AsyncIterable<T>, limit = Number.POSITIVE_INFINITY): AsyncGenerator<T> {
  let count = 0
  for await (const row of rows) {
    yield row
    if (++count >= limit) return
  }
}

type Listed<T> = readonly T[] | Page<T>
type Row = Record<string, unknown>

/** The rows of a list, page by page. */
export async function* listed<F extends Fields, T>(
  deps: Deps,
  operation: Operation<F, Listed<T>, OperationDeps>,
  said: Said,
): AsyncGenerator<Row> {
  for (let cursor: Said | null = {}; cursor !== null; ) {
    const found: Listed<T> = await deps.perform(operation, { ...said, ...LARGEST_PAGE, ...cursor }, CALLER())
    const told = (await operation.answer.row(found)) as Listed<Row>
    yield* 'rows' in told ? told.rows : told
    cursor = 'rows' in told && told.after !== null ? { after: told.after } : null
  }
}

/** Makes an operation a command that prints one record, field by field or as JSON. */
export function addRecord<F extends Fields, R>(
  parent: Command,
  word: string,
  operation: Operation<F, R, OperationDeps>,
  { open }: CliDeps,
  shape: CommandShape<F> & {
    /** What is printed; default: the answer. */
    row?(result: R, deps: Deps): Promise<Row>
    /** Prints it for a person; default: field by field. */
    show?(result: R, said: Said): Promise<void>
  },
): void {
  const command = commandOf(parent, word, operation, shape)
  command.option('--json', 'print one JSON object').action(async (...given: unknown[]) => {
    await using deps = await open()
    const said = saidIn(operation, shape, command, given)
    const result = await deps.perform(operation, said, CALLER())
    const options = command.opts<{ json?: boolean }>()
    if (shape.show !== undefined && !options.json) return await shape.show(result, said)
    const row = await (shape.row?.(result, deps) ?? operation.answer.row(result))
    await printRecord(row as Row, options)
  })
}

export const CALLER = () => ({ actor: cliActor(), role: 'owner' }) as const

export function commandOf<F extends Fields>(
  parent: Command,
  word: string,
  operation: Described<F>,
  { arguments: names = [], note, examples: lines }: CommandShape<F>,
): Command {
  const command = parent.command(word).description(lowerCase(operation.summary))
  const fields: Fields = fieldsOf(operation)
  for (const name of names) {
    const field = fields[name] as Field<unknown>
    const { placeholder = name, isRequired } = field
    const argument = new Argument(isRequired ? `<${placeholder}>` : `[${placeholder}]`, aboutOf(field))
    command.addArgument(parsed(argument, field))
  }
  for (const [name, field] of Object.entries(fields)) {
    if (names.includes(name) || field.isSecret || name in PAGE) continue
    command.addOption(optionOf(name, field))
    if (field.takeAway !== undefined) command.option(`--no-${hyphened(name)}`, field.takeAway)
  }
  if (note !== undefined) command.addHelpText('after', `\n${note}`)
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
  deps: Deps,
  said: Said,
): Promise<Said> {
  const name = Object.keys(fields).find((name) => fields[name]?.isSecret)
  if (name === undefined || whose === undefined) return said
  const secret = await readPassword(await whose(deps, said))
  // What is wrong with it is said without the name of an option that nobody gave.
  fields[name]?.read(secret)
  return { ...said, [name]: secret }
}

/** What was typed; arguments are given in the order that the shape has them. */
export function saidIn<F extends Fields>(
  operation: Described<F>,
  { arguments: names = [] }: CommandShape<F>,
  command: Command,
  given: readonly unknown[],
): Said {
  const options = command.opts<Record<string, unknown>>()
  const said: Record<string, string | readonly string[] | undefined> = {}
  names.forEach((name, at) => {
    said[name] = given[at] as string | undefined
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
