import { fileStamp } from '../files/atomic.ts'
import { within } from '../model/timeout.ts'
import { type Settings, SettingsError } from '../settings.ts'
import { sealTo, shortName } from './age.ts'
import type { Sealer, Sealings } from './ports.ts'
import { recipientsFile, recipientsInForce } from './secrets.ts'

/**
 * Seals to the recipients in force at that moment: a running service notices that they were replaced, and commands that
 * seal nothing need no key.
 */
export function sealerInForce(settings: Settings): Sealer {
  let known: { readonly stamp: string; readonly sealer: Sealer } | undefined
  return {
    async seal(credential) {
      const stamp = stampOf(settings)
      if (known?.stamp !== stamp) {
        const recipients = await recipientsInForce(settings)
        if (recipients === null) throw new SettingsError('no key to seal to: run "postferry key init"')
        known = { stamp, sealer: sealTo(recipients) }
      }
      return await known.sealer.seal(credential)
    },
  }
}

/** Short names of the recipients in force. */
export async function sealsTo(settings: Settings): Promise<string[]> {
  return ((await recipientsInForce(settings)) ?? []).map(shortName)
}

/** Another one whenever the files may say something else. */
function stampOf(settings: Settings): string {
  if (settings.recipients.length > 0) return ''
  return [recipientsFile(settings), settings.identityFile].map(fileStamp).join(' ')
}

const ASK_LIMIT_MS = 1_000

/** @throws SettingsError when there is no key to seal to, or only one that was retired */
export async function refuseRetiredKey(sealer: Sealer, { isRetired }: Pick<Sealings, 'isRetired'>): Promise<void> {
  const { to } = await sealer.seal({ address: '', provider: null, username: '', password: '' })
  // Another check tells that the database is away.
  if (!(await within(ASK_LIMIT_MS, isRetired(to)).catch(() => false))) return
  const remedy = 'set POSTFERRY_RECIPIENTS to the new one, which "postferry key show" prints on the copying host'
  throw new SettingsError(`this host seals to a retired key: ${remedy}`)
}
