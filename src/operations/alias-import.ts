import { type Address, parseAddress } from '../model/address.ts'
import { Type } from '../model/json-schema.ts'
import { Refused } from '../model/refused.ts'
import { type AliasDeps, type AliasTarget, namesOf } from './aliases.ts'
import { undefused } from './csv-cell.ts'
import { delimiterIn, fieldsOf, textLinesOf } from './import-file.ts'
import type { BadLine } from './import-people.ts'
import { flag, operation } from './operation.ts'
import { Count, listOf, Text } from './schema.ts'

const COLUMNS = ['alias', 'target'] as const
/** A header is not longer. */
const HEAD_BYTES = 200

export const ALIASES_OUTCOME = {
  ...{ lines: Count, bad: Count, added: Count, kept: Count },
  unknown: listOf(Text),
  written: Type.Boolean(),
}

export interface AliasesOutcome {
  readonly lines: number
  readonly badLines: readonly BadLine[]
  readonly added: number
  /** Those that were there already. */
  readonly kept: number
  /** Targets of whom nothing is known here. */
  readonly unknown: readonly string[]
  readonly written: boolean
}

/** Imports the aliases of a CSV file: all of them or, when a line is bad, none. */
export function importingAliases(file: AsyncIterable<Uint8Array>) {
  return operation({
    ...{ name: 'alias.import', permission: 'own', summary: 'Import aliases from a CSV file' },
    fields: { dry_run: flag('check every line, and write nothing') },
    answer: { schema: Type.Object(ALIASES_OUTCOME), row: outcomeRow },
    async run({ dry_run: isDryRun = false }, { aliases, ...deps }: AliasDeps, by): Promise<AliasesOutcome> {
      const lines = await Array.fromAsync(readAliases(file))
      const unreadable = lines.filter((line) => 'reason' in line)
      const read = lines.filter((line) => 'target' in line)
      const names = await namesOf(
        read.flatMap(({ address, target }) => [address, target]),
        deps,
      )
      const wanted = read.map(({ number }, at): AliasTarget => {
        return { number, address: names[2 * at] ?? '', target: names[2 * at + 1] ?? '' }
      })
      const tries = isDryRun || unreadable.length > 0
      const { added, bad, unknown, isWritten } = await aliases.add(wanted, { isDryRun: tries, by })
      const badLines = [...unreadable, ...bad].sort((one, other) => one.number - other.number)
      const kept = lines.length - badLines.length - added
      return { lines: lines.length, badLines, added, kept: Math.max(0, kept), unknown, written: isWritten }
    },
  })
}

/** As it is described before there is a file. */
export const IMPORT_ALIASES = importingAliases((async function* () {})())

function outcomeRow({ badLines, ...outcome }: AliasesOutcome) {
  return { ...outcome, bad: badLines.length }
}

type AliasLine = Pick<AliasTarget, 'number'> & { readonly address: Address; readonly target: Address }

/** The aliases of a CSV file with the columns alias and target; one with several targets has several lines. */
async function* readAliases(file: AsyncIterable<Uint8Array>): AsyncGenerator<AliasLine | BadLine> {
  let columns: Columns | null = null
  let told = 0
  for await (const { number, text, flaw } of textLinesOf(file)) {
    if (text?.trim() === '') continue
    if (columns === null) {
      columns = text === null ? null : columnsIn(text)
      if (columns === null) throw new Refused('invalid', 'the first line of a file of aliases is alias,target')
      continue
    }
    told++
    const read = text === null ? flaw : aliasIn(text, columns)
    yield typeof read === 'string' ? { number, reason: read } : { number, ...read }
  }
  if (told === 0) throw new Refused('invalid', 'the file names no alias')
}

interface Columns {
  readonly names: readonly string[]
  readonly delimiter: string
}

/** What a header says; null: it is none of a file of aliases. */
function columnsIn(text: string): Columns | null {
  const delimiter = delimiterIn(text)
  const names = (fieldsOf(text, delimiter) ?? []).map((name) => name.trim().toLowerCase())
  const areThese = names.length === COLUMNS.length && COLUMNS.every((column) => names.includes(column))
  return areThese ? { names, delimiter } : null
}

/** What a line says, or why it cannot be read. */
function aliasIn(text: string, { names, delimiter }: Columns): Pick<AliasLine, 'address' | 'target'> | string {
  const fields = fieldsOf(text, delimiter)
  if (fields === null) return 'its quotes do not fit together: write "a ""quoted"" word"'
  if (fields.slice(names.length).some((field) => field !== '')) return 'it has too many fields'
  const addressIn = (column: string) => parseAddress(undefused((fields[names.indexOf(column)] ?? '').trim()))
  const [address, target] = [addressIn('alias'), addressIn('target')]
  if (address === null) return 'its alias is no mail address'
  return target === null ? 'its target is no mail address' : { address, target }
}

/** Looks at the first line of a file, which then is read from its beginning all the same. */
export async function peeked(
  input: AsyncIterable<Uint8Array>,
): Promise<{ readonly file: AsyncIterable<Uint8Array>; readonly isOfAliases: boolean }> {
  const rest = input[Symbol.asyncIterator]()
  const pieces: Uint8Array[] = []
  let head = ''
  while (!head.includes('\n') && head.length < HEAD_BYTES) {
    const { value, done } = await rest.next()
    if (done) break
    pieces.push(value)
    head += Buffer.from(value).toString('utf8', 0, HEAD_BYTES)
  }
  async function* whole() {
    yield* pieces
    yield* { [Symbol.asyncIterator]: () => rest }
  }
  const [first = ''] = head.replace(/^\ufeff/, '').split(/\r?\n/)
  return { file: whole(), isOfAliases: columnsIn(first) !== null }
}
