import { likeliest } from '../model/closest-word.ts'
import { Refused } from '../model/refused.ts'

/** What a file of people may say of each, in the order that they have without a header. */
export const COLUMNS = ['address', 'old_username', 'old_password', 'quota'] as const
export type Column = (typeof COLUMNS)[number]

// What other programs call the same.
const CALLED: Readonly<Record<string, Column>> = {
  ...{ email: 'address', e_mail: 'address', mail: 'address', email_address: 'address' },
  ...{ user: 'old_username', username: 'old_username', user_name: 'old_username', login: 'old_username' },
  ...{ pass: 'old_password', passwd: 'old_password', password: 'old_password' },
}
const OF_ALIASES = 'the file holds aliases: "postferry import" takes them, and POST /v1/admin/aliases/import'
const WORD = /^[\p{L}\d_]{1,40}$/u

/**
 * The columns that the first line of a file names, or null when it is a person's line already.
 * @throws Refused when it names what is no column
 */
export function headerIn(fields: readonly string[]): readonly Column[] | null {
  const names = fields.map((field) => field.trim().toLowerCase().replace(/[ -]/g, '_'))
  const isPerson = fields.some((field) => field.includes('@')) && !names.includes('address')
  if (!isPerson && names.includes('alias')) throw new Refused('invalid', OF_ALIASES)
  if (isPerson || !(names.some(isKnown) || isMistyped(names[0]))) return null
  const flaws = names.filter((name) => !isColumn(name)).map(unknown)
  for (const name of new Set(names.filter((name, at) => names.indexOf(name) < at && isColumn(name)))) {
    flaws.push(`${name} stands there twice`)
  }
  if (!names.includes('address')) flaws.push('address is missing')
  if (flaws.length === 0) return names.filter(isColumn)
  throw new Refused(
    'invalid',
    `the header may name ${COLUMNS.join(', ')}, each once, and nothing else: ${[...new Set(flaws)].join(', ')}`,
  )
}

function isColumn(name: string): name is Column {
  return COLUMNS.some((column) => column === name)
}

function isKnown(name: string): boolean {
  return isColumn(name) || Object.hasOwn(CALLED, name)
}

/** A person's line begins with their address, not with what is nearly the name of a column. */
function isMistyped(first = ''): boolean {
  return likeliest(first, COLUMNS) !== null
}

function unknown(name: string): string {
  if (!WORD.test(name)) return 'one name is no word'
  const meant = CALLED[name] ?? likeliest(name, COLUMNS)
  return meant === null ? `there is no ${name}` : `there is no ${name} (is ${meant} meant?)`
}
