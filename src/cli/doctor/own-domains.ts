import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import type { ServedDomain } from '../../model/domain.ts'
import { namesOf } from './dns.ts'
import type { Finding } from './finding.ts'

const LIMIT_MS = 10_000
const [CHECK, ID] = ['postfix', 'postfix-own-domains']

/** The lists of domains that Postfix looks at before virtual_mailbox_domains, and what comes of a domain that is in them. */
const LOOKED_AT_BEFORE = {
  mydestination: 'their mail is for users of this host, or refused (550), and never reaches Dovecot',
  virtual_alias_domains: 'whoever has no alias there is refused (550), and their mail never reaches Dovecot',
} as const
type List = keyof typeof LOOKED_AT_BEFORE

/** An entry of a list as main.cf has it, and what it comes to: `$myhostname`, and that name. */
interface Entry {
  readonly written: string
  readonly expanded: readonly string[]
}

/** Whether Postfix of this host takes a domain that moves for one of its own. */
export async function* checkOwnDomains(domains: readonly ServedDomain[]): AsyncGenerator<Finding> {
  const names = namesOf(domains)
  for (const list of Object.keys(LOOKED_AT_BEFORE) as List[]) {
    try {
      yield await checkList(list, names)
    } catch (error) {
      const found = `${list} could not be looked at: ${(error as Error).message.trim().split('\n').at(-1)}`
      yield { check: CHECK, id: ID, result: 'warn', found, remedy: `postconf ${list}` }
    }
  }
}

async function checkList(list: List, names: readonly string[]): Promise<Finding> {
  const [about, entries] = [{ check: CHECK, id: ID }, await entriesOf(list)]
  const places = await placesOf(
    names,
    entries.flatMap(({ expanded }) => expanded),
  )
  if (places.size === 0) return { ...about, result: 'ok', found: `${list} has no domain that moves` }
  const found = `${list} has ${[...places.keys()].sort().join(', ')}`
  return { ...about, result: 'fail', found, why: LOOKED_AT_BEFORE[list], remedy: remedy(list, entries, places) }
}

function remedy(list: List, entries: readonly Entry[], places: ReadonlyMap<string, string>): string {
  const elsewhere = [...places].filter(([, place]) => isElsewhere(place))
  const out = elsewhere.map(([name, place]) => `take ${name} out of ${place.replace(/^\w+:(?=\/)/, '')}`)
  const tables = new Set(elsewhere.map(([, place]) => place).filter((place) => !place.startsWith('/')))
  const named = [...places.values()]
  const left = entries.filter(({ expanded }) => !expanded.some((one) => !isElsewhere(one) && named.includes(one)))
  const rest = `${list} = ${left.map(({ written }) => written).join(', ')}`.trim()
  const line = [
    ...[...tables].map((table) => `postmap ${table}`),
    ...(left.length === entries.length ? [] : [`postconf -e '${rest}'`]),
    'postfix reload',
  ].join(' && ')
  return [...out, line].join(', then: ')
}

async function entriesOf(list: List): Promise<Entry[]> {
  const written = splitList(await postconf('-h', list))
  const expand = async (one: string) => splitList(await postconf('-x', '-h', '-o', `${list}=${one}`, list))
  return await Promise.all(
    written.map(async (one) => ({ written: one, expanded: one.includes('$') ? await expand(one) : [one] })),
  )
}

/** By name: the first entry that has it. What an entry with `!` has is not in the list. */
async function placesOf(names: readonly string[], entries: readonly string[]): Promise<Map<string, string>> {
  const places = new Map<string, string>()
  let left = names
  for (const entry of entries) {
    const place = entry.replace(/^!/, '')
    const there = await namesIn(place, left)
    left = left.filter((name) => !there.has(name))
    if (place === entry) for (const name of there) places.set(name, place)
  }
  return places
}

async function namesIn(place: string, names: readonly string[]): Promise<ReadonlySet<string>> {
  if (place.startsWith('/')) {
    const lines = readFileSync(place, 'utf8').split('\n')
    const entries = splitList(lines.filter((line) => !line.startsWith('#')).join(' '))
    return new Set((await placesOf(names, entries)).keys())
  }
  if (isElsewhere(place)) return isAnsweredByUs(place) ? new Set() : await keysIn(place, names)
  return new Set(names.filter((name) => name === place.toLowerCase()))
}

/** A file or a table, and no name. */
function isElsewhere(place: string): boolean {
  return place.startsWith('/') || place.includes(':')
}

/** virtual_alias_domains is virtual_alias_maps where nobody says otherwise, and no domain has an alias. */
function isAnsweredByUs(table: string): boolean {
  return /^socketmap:.*:alias$/.test(table)
}

async function keysIn(table: string, names: readonly string[]): Promise<Set<string>> {
  if (names.length === 0) return new Set()
  const asked = promisify(execFile)('postmap', ['-q', '-', table], { timeout: LIMIT_MS })
  const { stdin } = asked.child
  // A table that cannot be opened is told by how postmap ends.
  stdin?.on('error', () => undefined)
  stdin?.end(names.map((name) => `${name}\n`).join(''))
  // It ends with 1 and no word when it has none of them.
  const { stdout } = await asked.catch((error: Error & { code: unknown; stdout: string; stderr: string }) => {
    if (error.code === 1 && error.stderr === '') return error
    throw new Error(error.stderr || error.message)
  })
  return new Set(stdout.split('\n').flatMap((line) => line.split('\t')[0] || []))
}

async function postconf(...args: string[]): Promise<string> {
  return (await promisify(execFile)('postconf', args, { timeout: LIMIT_MS })).stdout
}

/** A table may be written with spaces, in braces. */
function splitList(text: string): string[] {
  return text.match(/(?:\{[^}]*\}|[^\s,{])+/g) ?? []
}
