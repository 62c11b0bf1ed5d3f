import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Engines } from '../../copying/ports.ts'
import type { Belonging } from '../../operations/backups.ts'
import type { Settings } from '../../settings.ts'
import { visible } from '../terminal/text.ts'

/** What belongs to the database and lies elsewhere, on this host or another. */
export function belongings(settings: Settings, { stateFolder }: Engines): Belonging[] {
  const { dataDir, identityFile, home } = settings
  const all = [
    {
      what: 'identity',
      where: identityFile,
      why: 'opens the sealed passwords. Never keep it beside a backup: whoever has both has every password',
    },
    {
      what: 'approved endpoints',
      where: `${identityFile}.endpoints`,
      why: 'where the copying host may send passwords; or approve each provider again',
    },
    {
      what: 'sync state',
      where: stateFolder,
      why: 'what each copying host remembers. Without it, what people moved or deleted would come back',
    },
    {
      what: 'recipients',
      where: join(dataDir, 'recipients'),
      why: 'what is sealed to; the identity tells them, too',
    },
    {
      what: 'panel key',
      where: join(dataDir, 'panel-key'),
      why: "opens administrators' one-time codes; or admin passwd NAME --no-totp",
    },
    {
      what: 'tokens',
      where: join(dataDir, '{auth,admin}-token'),
      why: 'Dovecot shows one, your scripts the other; or let new ones be made and hand them out',
    },
    {
      what: 'settings',
      where: process.env.POSTFERRY_SETTINGS_FILE || SETTINGS_FILE,
      why: 'or the environment, wherever yours are',
    },
    { what: 'mail', where: home, why: 'the mailboxes of the new server' },
  ]
  return all.map((one) => ({ ...one, here: isHere(one.where) }))
}

const SETTINGS_FILE = '/etc/postferry/postferry.env'

/** For a terminal. */
export function belongingLines(all: readonly Belonging[]): string {
  return all
    .map(({ what, where, here, why }) => `  ${what}: ${visible(where)}${here ? '' : ' (not here)'}\n      ${why}\n`)
    .join('')
}

/** A pattern is here when the folder that it begins with is. */
function isHere(where: string): boolean {
  return existsSync(where.replace(/\/[^/]*[{%].*$/, ''))
}
