import { query } from './query.ts'
import type { RunningService } from './service.ts'

// An installation in the sixth week of its move, as it would be when nobody had waited for it.

const DAY_MS = 86_400_000
const FIRST =
  'anna ben clara david emma felix greta henri ida jonas klara leon mia noah olga paul rosa simon tilda willi'
const LAST = 'albers brandt conrad dietz eckert franke gruber hansen iversen jung keller lorenz maier nowak petersen'
const CODES = ['credential-refused', 'credential-refused', 'old-shrunk', 'new-full']

/** A person whose last copy differs, who has attempts and a ledger. */
export const TROUBLED = 'greta.dietz@kontor.example'

interface Step {
  readonly at: string
  readonly from: string | null
  readonly to: string
  readonly code: string | null
}

interface Person {
  readonly address: string
  readonly domain: string
  readonly steps: readonly Step[]
}

/** @param providers names of providers that are there; the people are shared between two of them
 * @param count of people, 24 at least */
export async function fillInstallation(
  { dataDir }: RunningService,
  providers: readonly [string, string],
  count: number,
): Promise<void> {
  const now = Date.now()
  const people = Array.from({ length: count }, (_, number) => personOf(number, now))
  await query(dataDir, MIGRATIONS, [JSON.stringify(people), providers])
  await query(dataDir, 'delete from migration_transition')
  await query(dataDir, STEPS, [JSON.stringify(people)])
  await query(dataDir, AUDIT, [JSON.stringify(people)])
  await query(dataDir, `update migration set state = 'pending', code = 'ledger-differs' where address = $1`, [TROUBLED])
  for (const text of [ATTEMPTS, LEDGER, FOLDERS, DIFFERENCES]) await query(dataDir, text, [TROUBLED])
}

/** Deterministic, from 0 to 1. */
function chance(number: number, salt: number): number {
  return (((number + 1) * 7919 * (salt + 3)) % 1009) / 1009
}

function personOf(number: number, now: number): Person {
  const [firsts, lasts] = [FIRST.split(' '), LAST.split(' ')]
  const domain = number % 4 === 3 ? 'weber-soehne.example' : 'kontor.example'
  const name = `${firsts[(number * 7) % firsts.length]}.${lasts[(number * 11 + Math.floor(number / 20)) % lasts.length]}`
  const twin = Math.floor(number / (firsts.length * lasts.length))
  return { address: `${name}${twin || ''}@${domain}`, domain, steps: stepsOf(number, now) }
}

/** Most come in the first weeks, are copied within hours, and are finished days later. */
function stepsOf(number: number, now: number): Step[] {
  const at = (daysAgo: number) => new Date(now - daysAgo * DAY_MS).toISOString()
  const steps: Step[] = []
  const step = (daysAgo: number, to: string, code: string | null = null) => {
    if (daysAgo > 0) steps.push({ at: at(daysAgo), from: steps.at(-1)?.to ?? null, to, code })
    return daysAgo > 0
  }
  step(37, 'awaited')
  const came = 36 - 46 * chance(number, 1) ** 1.4
  if (!step(came, 'pending')) return steps
  if (chance(number, 2) < 0.05) {
    step(came - 0.2, 'failed', CODES[number % CODES.length])
    return steps
  }
  if (!step(came - 0.1 - 2 * chance(number, 3), 'synced')) return steps
  if (chance(number, 4) < 0.03) step(came / 2, 'paused')
  else step(came - 7 - 12 * chance(number, 5), 'done')
  return steps
}

const GIVEN = `
  given as (
    select address, domain, steps, steps->-1->>'to' as state, steps->-1->>'code' as code,
      (steps->0->>'at')::timestamptz as first, (steps->-1->>'at')::timestamptz as last
    from json_to_recordset($1) as one (address text, domain text, steps json)
  )`

const MIGRATIONS = `
  with ${GIVEN},
  served as (
    insert into domain (name, provider_id, new_domain)
      select 'kontor.example', id, 'kontor.example' from provider where name = ($2::text[])[1]
      union all select 'weber-soehne.example', id, 'weber-soehne.example' from provider where name = ($2::text[])[2]
      on conflict do nothing
  ),
  there as (
    insert into account (address, password_hash, password_source, home)
      select address, '', 'source', '/var/vmail/' || domain || '/' || split_part(address, '@', 1)
      from given where state <> 'awaited'
      returning id, address
  )
  insert into migration (account_id, address, home, provider_id, old_domain, old_username, state, paused_from, code,
      route, created_at, changed_at)
    select there.id, given.address, null, provider.id, domain, given.address, state,
      case when state = 'paused' then 'synced' end, code, 'destination', first, last
    from given left join there using (address)
      join provider on provider.name = case domain when 'kontor.example' then ($2::text[])[1] else ($2::text[])[2] end`

const STEPS = `
  with ${GIVEN}
  insert into migration_transition (migration_id, at, from_state, to_state, code)
    select id, (step->>'at')::timestamptz, step->>'from', step->>'to', step->>'code'
    from given join migration using (address), json_array_elements(steps) as step`

const AUDIT = `
  with ${GIVEN}
  insert into audit (at, actor, action, subject, reason, detail)
    select (step->>'at')::timestamptz,
      case step->>'to' when 'pending' then 'person' when 'awaited' then 'panel:olga' else 'panel:otto' end,
      case step->>'to' when 'pending' then 'migration.provision' when 'awaited' then 'migration.import'
        when 'paused' then 'migration.pause' else 'migration.request-finish' end,
      address, case step->>'to' when 'paused' then 'on leave until January' when 'done' then 'has seen the mail' end, null
    from given, json_array_elements(steps) as step
    where step->>'to' <> 'synced'
    order by 1`

const ATTEMPTS = `
  insert into attempt (migration_id, host, started_at, ended_at, outcome, folders, messages, output)
    select id, 'mail1', now() - age, now() - age + took, outcome, folders, messages, output
    from migration, (values
      (interval '9 days', interval '412 seconds', 'complete', 11, 8214, 'Copy message UID 8214 (8214/8214)'),
      (interval '3 days', interval '31 seconds', 'old-unreachable', 0, 0, 'ERROR: connection refused'),
      (interval '2 hours', interval '12 seconds', 'complete', 11, 37, 'Copy message UID 8251 (37/37)')
    ) as one (age, took, outcome, folders, messages, output)
    where address = $1`

const LEDGER = `
  insert into ledger (migration_id, taken_at, seconds, code, clean_at, fetched)
    select id, now() - interval '2 hours', 14.2, 'differs', now() - interval '3 days', 41 from migration where address = $1`

const FOLDERS = `
  insert into ledger_folder (migration_id, name, directory, state, remark, messages, proved, extra, duplicated, counts,
      proved_uids, accepted_uids)
    select id, name, '.' || name, 'there', null, messages, messages - missing, 0, 0,
      case missing when 0 then '{}' else jsonb_build_object('missing', missing) end, '', ''
    from migration, (values ('INBOX', 6120, 0), ('Sent', 1840, 1), ('Projects/2025', 291, 2)) as one (name, messages, missing)
    where address = $1`

const DIFFERENCES = `
  insert into ledger_difference (migration_id, number, kind, folder, uid, message_id, date, size, old, now)
    select id, number, 'missing', folder, uid, '<' || uid || '.offer@kontor.example>', now(), 4812, '4812 bytes', 'missing'
    from migration, (values (1, 'Sent', 1702), (2, 'Projects/2025', 12), (3, 'Projects/2025', 88)) as one (number, folder, uid)
    where address = $1`
