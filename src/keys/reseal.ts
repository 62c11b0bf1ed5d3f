import { openCredential } from './open-credential.ts'
import type { Opener, Sealed, SealedCredential, Sealer, Sealings } from './ports.ts'

export interface Resealed {
  readonly resealed: number
  /** Some of the addresses whose credential cannot be opened, or was sealed for another address or provider. */
  readonly unopened: readonly string[]
  readonly unopenedCount: number
}

/** What came of a rotation of the key. */
export interface Rotation extends Resealed {
  /** The new key's recipient. */
  readonly recipient: string
  /** Whether the key was made now; else an earlier rotation goes on. */
  readonly started: boolean
  /** Whether the settings give other recipients than this key: an administrator has to change them. */
  readonly settingsDiffer: boolean
}

export interface ResealDeps {
  readonly sealings: Pick<Sealings, 'otherThan' | 'replace'>
  readonly opener: Opener
  readonly sealer: Sealer
  /** Short names of the sealer's recipients. */
  readonly to: readonly string[]
}

const BATCH = 200
const UNOPENED_NAMED = 20
// A service that still seals to another key by then was not told about the new one.
const PASSES = 100

/**
 * Seals every credential to the sealer's recipients. Sign-ins go on and may seal to an old key meanwhile: it repeats
 * until nothing is left. Interrupted, it continues when it is called again.
 */
export async function reseal(deps: ResealDeps, onProgress: (resealed: number) => void): Promise<Resealed> {
  let resealed = 0
  for (let pass = 1; ; pass++) {
    const { replaced, unopened } = await passOver(deps, (more) => onProgress(resealed + more))
    resealed += replaced
    if (replaced > 0 && pass < PASSES) continue
    return { resealed, unopened: unopened.slice(0, UNOPENED_NAMED), unopenedCount: unopened.length }
  }
}

async function passOver(deps: ResealDeps, onProgress: (replaced: number) => void) {
  const { sealings, to } = deps
  const unopened: string[] = []
  let replaced = 0
  let after = '0'
  for (;;) {
    const batch = await sealings.otherThan(to, after, BATCH)
    const last = batch.at(-1)
    if (last === undefined) return { replaced, unopened }
    const renewed = await Promise.all(batch.map((one) => resealOne(one, deps)))
    unopened.push(...batch.filter((_, at) => renewed[at] === null).map(({ address }) => address))
    replaced += await sealings.replace(renewed.filter((one) => one !== null))
    onProgress(replaced)
    after = last.migrationId
  }
}

async function resealOne(
  before: SealedCredential & { readonly provider: string },
  { opener, sealer }: ResealDeps,
): Promise<{ before: SealedCredential; sealed: Sealed } | null> {
  const { credential } = await openCredential(before, opener)
  if (credential === undefined) return null
  return { before, sealed: await sealer.seal(credential) }
}
