import type { CopyingHosts, Stranded } from '../copying/copying-hosts.ts'
import { count } from '../model/count.ts'
import type { State } from '../model/migration.ts'
import type { Erased, Expiring } from '../model/retention.ts'
import type { Collision, Collisions } from './collisions.ts'
import { domain } from './fields.ts'
import { strandedText } from './next-steps.ts'
import { operation, optional, text } from './operation.ts'
import { providerField } from './providers.ts'
import { PEOPLE, the } from './schema.ts'
import { Report as ReportSchema } from './schemas.ts'

/** Migrations that are being copied at this moment. */
export interface Copying {
  migrationIds(): Promise<readonly string[]>
}

/** People of one domain of one provider, by how far they are. */
export interface PeopleCount {
  readonly provider: string
  readonly domain: string
  readonly awaited: number
  /** Waiting for their first complete copy. */
  readonly pending: number
  /** At this moment, in whatever state. */
  readonly copying: number
  readonly synced: number
  readonly done: number
  readonly paused: number
  readonly failed: number
  readonly people: number
  /** Those of them who are still expected, and have not signed in yet. */
  readonly neverCame: number
  /** Those of the synced who work on the old server still, until a flip. */
  readonly unflipped: number
}

/** How many people came into a state, less those who left it, on a day. */
export interface DayChange {
  /** In UTC: `2026-11-23`. */
  readonly day: string
  readonly state: State
  readonly change: number
}

/** How many people were in each state at the end of a day. */
export type DayCount = { readonly day: string; readonly remaining: number } & Readonly<Record<State, number>>

export interface Report {
  readonly people: readonly PeopleCount[]
  /** What stops people: who has failed, and whose last ledger is not clean. */
  readonly failures: readonly { readonly code: string; readonly people: number }[]
  readonly collisions: readonly Collision[]
  /** Who is due, and copied by nobody. */
  readonly stranded: readonly Stranded[]
  readonly burnDown: readonly DayCount[]
  /** People who were not copied yet, neither synced nor done. */
  readonly remaining: number
  /** What is kept for how long; empty: no worker has looked yet. */
  readonly erased: readonly Erased[]
  readonly expiring: Expiring
}

/** Whom a report is about; without a name, all. */
export interface Scope {
  readonly provider?: string | undefined
  readonly domain?: string | undefined
}

export interface Reports {
  people(scope: Scope, copying: readonly string[]): Promise<PeopleCount[]>
  failures(scope: Scope): Promise<{ code: string; people: number }[]>
  /** In the order of the days. */
  days(scope: Scope): Promise<DayChange[]>
  erased(): Promise<Erased[]>
  /** Credentials that are kept for so many days, and were kept before that time already. */
  expiring(scope: Scope, days: number, before: Date): Promise<Expiring>
}

const DAY_MS = 24 * 60 * 60 * 1000
/** So long before it is erased a credential is told. */
const TOLD_DAYS = 30
const NONE_EXPIRES: Expiring = { people: 0, at: null, addresses: [] }
const NOBODY: Readonly<Record<State, number>> = { awaited: 0, pending: 0, synced: 0, paused: 0, failed: 0, done: 0 }

interface Deps {
  readonly collisions: Pick<Collisions, 'wanted'>
  readonly reports: Reports
  readonly copying: Copying
  readonly copyingHosts: Pick<CopyingHosts, 'stranded'>
}

export const makeReport = operation({
  ...{ name: 'report', permission: 'see' },
  summary: 'Report how far the people are: by provider and domain, by day, and what stops them',
  fields: {
    provider: optional(providerField('from this provider')),
    domain: optional(text(domain, 'from this domain of the old server')),
  },
  answer: { schema: the(ReportSchema), row: reportRow },
  run: async ({ provider, domain }, deps: Deps) =>
    await reportOn({ provider: provider?.name, domain }, new Date(), deps),
})

export async function reportOn(
  scope: Scope,
  now: Date,
  { reports, copying, copyingHosts, ...records }: Deps,
): Promise<Report> {
  const [people, failures, collisions, stranded, changes] = await Promise.all([
    reports.people(scope, await copying.migrationIds()),
    reports.failures(scope),
    records.collisions.wanted().then((all) => all.filter((one) => isWithin(one, scope))),
    copyingHosts.stranded(scope),
    reports.days(scope),
  ])
  const burnDown = burnDownOf(changes, now)
  const remaining = burnDown.at(-1)?.remaining ?? 0
  const erased = await reports.erased()
  const days = erased.find(({ what }) => what === 'credentials')?.days ?? 0
  const toldBefore = new Date(now.getTime() - (days - TOLD_DAYS) * DAY_MS)
  const expiring = days === 0 ? NONE_EXPIRES : await reports.expiring(scope, days, toldBefore)
  return { people, failures, collisions, stranded, burnDown, remaining, erased, expiring }
}

function isWithin({ provider, oldDomain }: Collision, scope: Scope): boolean {
  return (scope.provider ?? provider) === provider && (scope.domain ?? oldDomain) === oldDomain
}

/** Every day from the first change until now. */
export function burnDownOf(changes: readonly DayChange[], now: Date): DayCount[] {
  const first = changes[0]?.day
  if (first === undefined) return []
  const byDay = Map.groupBy(changes, ({ day }) => day)
  const counts = { ...NOBODY }
  const days: DayCount[] = []
  for (let time = Date.parse(first); time <= now.getTime(); time += DAY_MS) {
    const day = new Date(time).toISOString().slice(0, 10)
    for (const { state, change } of byDay.get(day) ?? []) counts[state] += change
    const remaining = counts.awaited + counts.pending + counts.paused + counts.failed
    days.push({ day, remaining, ...counts })
  }
  return days
}

/** All of them together. */
export function total(people: readonly PeopleCount[]): PeopleCount {
  const sums = [...PEOPLE, 'neverCame' as const, 'unflipped' as const].map((name) => {
    return [name, people.reduce((sum, row) => sum + row[name], 0)]
  })
  return { provider: 'all', domain: 'all', ...Object.fromEntries(sums) }
}

/** How many remain, and what is in the way, in words. */
export function outlook(report: Report): string {
  return [end(report), ...report.stranded.map(strandedText)].join('; but ')
}

function end({ people, remaining }: Report): string {
  if (people.length === 0) return 'no migrations yet'
  const { unflipped } = total(people)
  const left = [remaining > 0 && `${count(remaining)} remain`, unflipped > 0 && `${count(unflipped)} not flipped yet`]
  return left.filter((text) => text !== false).join(', ') || 'all migrations are complete'
}

/** Whose credentials are erased before long, in words; null: nobody's. */
export function warning({ expiring: { people, at, addresses } }: Report): string | null {
  if (at === null) return null
  const whose = `the kept passwords of ${count(people)} unfinished migrations`
  const names = `${addresses.join(', ')}${people > addresses.length ? ', …' : ''}`
  const day = at.toISOString().slice(0, 10)
  return `${whose} are erased from ${day} on (POSTFERRY_KEEP_CREDENTIALS_DAYS): ${names}`
}

export function peopleRow({ neverCame, unflipped, ...counts }: PeopleCount) {
  return { ...counts, never_came: neverCame, unflipped }
}

function collisionRow({ oldDomain, oldUsername, ...collision }: Collision) {
  return { ...collision, old_domain: oldDomain, old_username: oldUsername }
}

function reportRow(report: Report) {
  const { people, failures, collisions, stranded, burnDown, remaining, erased, expiring } = report
  return {
    people: people.map(peopleRow),
    total: peopleRow(total(people)),
    ...{ failures, stranded },
    collisions: collisions.map(collisionRow),
    burn_down: burnDown,
    remaining,
    erased: erased.map(erasedRow),
    expiring,
  }
}

export function erasedRow({ what, days, lookedAt, erased }: Erased) {
  return { what, days: days === 0 ? null : days, looked_at: lookedAt, erased }
}
