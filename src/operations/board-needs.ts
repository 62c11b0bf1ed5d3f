import type { Stranded } from '../copying/copying-hosts.ts'
import type { BoardLook, Reason } from './board-look.ts'
import { COLLISION_REMEDIES, type Collision, collisionText } from './collisions.ts'
import { type Remedy, STRANDED_STEP, stepFor, strandedText } from './next-steps.ts'

/** What stops people until somebody acts, and what that is. */
export interface Need {
  /** Of a migration; else `collision`, `stranded` or `no-worker`. */
  readonly code: string
  /** It is the code of migrations. */
  readonly isCode: boolean
  readonly what: string
  readonly step: string
  /** What to try first, where the panel can do it. */
  readonly remedy: Remedy | null
  readonly people: number
  /** Null: of several. */
  readonly provider: string | null
  /** Whom it stops, where it is one person. */
  readonly address: string | null
  readonly since: Date | null
}

interface Known extends Pick<BoardLook, 'reasons' | 'workers' | 'sources'> {
  readonly stranded: readonly Stranded[]
  readonly collisions: readonly Collision[]
}

/** The most people first. Pure. */
export function needsOf({ reasons, stranded, collisions, ...look }: Known): Need[] {
  const needs = [...noWorker(look), ...stranded.map(ofStranded), ...ofReasons(reasons), ...collisions.map(ofCollision)]
  return needs.sort((one, other) => other.people - one.people)
}

function noWorker({ workers, sources }: Pick<Known, 'workers' | 'sources'>): Need[] {
  const people = sources.reduce((sum, one) => sum + one.people.toCopy, 0)
  if (workers.length > 0 || people === 0) return []
  const step = 'start it on the copying host: "systemctl start postferry-sync", or "postferry sync"'
  return [{ ...NOBODY, code: 'no-worker', what: 'no "postferry sync" runs', step, people }]
}

const NOBODY = { isCode: false, remedy: null, provider: null, address: null, since: null }

function ofStranded(stranded: Stranded): Need {
  return { ...NOBODY, code: 'stranded', what: strandedText(stranded), step: STRANDED_STEP, people: stranded.people }
}

function ofCollision(collision: Collision): Need {
  const { what, provider, at } = collision
  const told = { what: collisionText(collision), step: COLLISION_REMEDIES[what] }
  return { ...NOBODY, ...told, code: 'collision', people: 1, provider, since: at }
}

/** One row for a code, however many old servers its people come from. */
function ofReasons(reasons: readonly Reason[]): Need[] {
  return [...Map.groupBy(reasons, ({ code }) => code)].map(([code, all]) => {
    const people = all.reduce((sum, one) => sum + one.people, 0)
    const known = stepFor(code)
    return {
      ...{ code, isCode: true, people, what: known?.what ?? code, step: known?.step ?? 'look at its last attempt' },
      remedy: known?.remedies[0] ?? null,
      provider: all.length === 1 ? (all[0]?.provider ?? null) : null,
      address: people === 1 ? (all[0]?.address ?? null) : null,
      since: new Date(Math.min(...all.map(({ since }) => since.getTime()))),
    }
  })
}
