import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Engines } from '../../copying/ports.ts'
import { userWith } from '../../files/become-owner.ts'
import { isOfAnother } from '../../files/kept-ids.ts'
import type { Deps } from '../../operations/deps.ts'
import { STRANDED_STEP, strandedText } from '../../operations/next-steps.ts'
import { makeReport } from '../../operations/report.ts'
import { CALLER } from '../terminal/operation-command.ts'
import type { Finding } from './finding.ts'
import { statOf } from './unix.ts'

type Remark = Pick<Finding, 'found' | 'remedy'>

const HOMES_SHOWN = 3

/** Whether everybody who is due is copied, and what this host remembers of people is there. */
export async function* checkCopying(deps: Deps, { stateFolder }: Engines): AsyncGenerator<Finding> {
  const check = 'copying'
  const { failures, stranded } = await deps.perform(makeReport, {}, CALLER())
  const lost = await lostHere(deps, stateFolder)
  if (lost !== null) yield { check, result: 'fail', ...lost }
  for (const each of stranded) yield { check, result: 'fail', found: strandedText(each), remedy: STRANDED_STEP }
  if (failures.length > 0) {
    const found = `what stops people: ${failures.map(({ code, people }) => `${code} (${people})`).join(', ')}`
    yield { check, result: 'warn', found, remedy: 'postferry migration list --code CODE, and migration show' }
  }
  const foreign = await foreignHomes(deps, stateFolder)
  if (foreign !== null) yield { check, result: 'fail', ...foreign, namesPeople: true }
  if (lost === null && foreign === null && stranded.length + failures.length === 0) {
    yield { check, result: 'ok', found: 'nobody is left behind' }
  }
}

/** What was remembered in this host's folder, when it is not there any more. */
async function lostHere({ copyingHosts }: Deps, folder: string): Promise<Remark | null> {
  const known = await copyingHosts.lastAt(hostname(), folder)
  if (known === null || known.people === 0 || !isOfAnother(known.id, folder)) return null
  return {
    found: `${folder} is not what it was: it remembers nothing of ${known.people} people who are copied with it`,
    remedy: 'bring it back from a backup before the next "postferry sync", which stops them otherwise (state-lost)',
  }
}

/** Homes that others than the copying user own: neither copying nor the person's own sign-in gets in there. */
async function foreignHomes({ migrations }: Deps, stateFolder: string): Promise<Remark | null> {
  const owner = ownerOf(stateFolder)
  // Root copies for each owner in that one's name.
  if (owner === null || owner === 0) return null
  const foreign: string[] = []
  await migrations.readOrders({}, async ({ orders }) => {
    for await (const { home } of orders) if (isForeign(home, owner)) foreign.push(home)
  })
  if (foreign.length === 0) return null
  const more = foreign.length > HOMES_SHOWN ? ` and ${foreign.length - HOMES_SHOWN} more` : ''
  const found = `who copies does not own ${foreign.slice(0, HOMES_SHOWN).join(', ')}${more}`
  return { found, remedy: `chown -R ${userWith(owner).name ?? owner}: ${foreign[0]}, and so on` }
}

function isForeign(home: string, owner: number): boolean {
  return [home, join(home, 'Maildir')].some((path) => ![null, owner].includes(ownerOf(path)))
}

/** Null: it is not there, or this user cannot tell. */
function ownerOf(path: string): number | null {
  return statOf(path)?.uid ?? null
}
