import { readFileSync } from 'node:fs'
import { arch, release } from 'node:os'
import { replaceFile } from '../../files/atomic.ts'
import { version } from '../../operations/version.ts'
import { redacted, type Settings } from '../../settings.ts'
import type { CliDeps } from '../deps.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { type Finding, findingRow, idOf } from './finding.ts'

/** What may stand in a finding's text although it is not about people. */
const ADDRESS = /[^\s"'<>(),;:=]+@[^\s"'<>(),;:]+/gu
const NOT_TOLD = 'it names people, and is not told here'

/**
 * Writes what one attaches to a report of a bug: versions, settings, findings, and how the move stands in numbers. No secret
 * and no person is in it; old servers, domains, hosts and folders are.
 */
export async function writeBundle(file: string, deps: CliDeps, findings: readonly Finding[]): Promise<void> {
  const settings = inForce(deps)
  const isThere = findings.some((finding) => idOf(finding) === 'upgrades' && finding.result === 'ok')
  const bundle = {
    format: 'postferry bundle',
    made_at: new Date(),
    postferry: version(),
    node: process.version,
    system: { name: systemName(), kernel: release(), processor: arch() },
    settings: settings && redacted(settings),
    findings: findings.map((finding) => findingRow(withoutPeople(finding, settings))),
    ...(isThere ? await records(deps) : {}),
  }
  try {
    replaceFile(file, `${JSON.stringify(bundle, null, 2)}\n`)
  } catch (error) {
    throw new Failure(EXIT.cannotCreate, `cannot write ${file} (${(error as NodeJS.ErrnoException).code})`)
  }
}

/** Null: a finding says what is wrong with them. */
function inForce({ settings }: CliDeps): Settings | null {
  try {
    return settings()
  } catch {
    return null
  }
}

async function records({ openUnready }: CliDeps) {
  await using deps = await openUnready()
  return {
    postgresql: await deps.database.product(),
    schema: await deps.database.schema(),
    standing: await deps.standing(),
  }
}

/** The finding as it may be told to anybody. */
function withoutPeople({ remedy, namesPeople, ...finding }: Finding, settings: Settings | null): Finding {
  if (namesPeople) return { ...finding, found: NOT_TOLD }
  const masked = (text: string) => mask(text, settings)
  return { ...finding, found: masked(finding.found), ...(remedy !== undefined && { remedy: masked(remedy) }) }
}

function mask(text: string, settings: Settings | null): string {
  const [root = ''] = settings?.home.split('%') ?? []
  const withoutAddresses = text.replace(ADDRESS, '<address>')
  if (root.length <= 1) return withoutAddresses
  const [before = '', ...after] = withoutAddresses.split(root)
  // A home has the name of who lives there; the template has none.
  const homes = after.map((part) => (part.startsWith('%') ? root + part : part.replace(/^[^\s,:]*/u, '<home>')))
  return `${before}${homes.join('')}`
}

function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? ''
  } catch {
    return process.platform
  }
}
