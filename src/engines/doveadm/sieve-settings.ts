import { type Block, readDovecot, settingLines, within } from '../../files/doveconf.ts'
import type { Dovecot } from './version.ts'

interface Where {
  /** Where its sockets are. */
  readonly folder: string
  /** Where its mail would be. */
  readonly mail: string
}

/** Where scripts have to lie is not known. */
export class SettingsUnread extends Error {}

/**
 * A configuration for Sieve alone: scripts lie where the destination's own says, and are checked as there.
 * @returns null: the destination does not run them
 * @throws SettingsUnread
 */
export async function sieveSettings(
  dovecotConf: string | null,
  kind: Dovecot['kind'],
): Promise<((where: Where) => string) | null> {
  const found = await readDovecot(dovecotConf ?? undefined).catch((error: Error) => {
    // Only of a file that somebody has named it is known that scripts have to lie where it says.
    if (dovecotConf !== null) throw new SettingsUnread(`${dovecotConf} cannot be read: ${error.message}`)
    return null
  })
  // Another Dovecot may run on a copying host, or its files may be for root alone.
  const all = found !== null && (dovecotConf !== null || mentions(found.all, 'postferry')) ? found.all : null
  if (all !== null && mentions(all, 'postferry') && !runsSieve(all)) return null
  const own = all === null ? '' : kind === '2.3' ? settings23(all) : settings24(all)
  const lines = own === '' ? DEFAULTS[kind] : own
  return (where) => (kind === '2.3' ? configuration23(lines, where) : configuration24(lines, where))
}

const DEFAULTS: Readonly<Record<Dovecot['kind'], string>> = {
  '2.3': '',
  '2.4': 'sieve_script personal {\n  driver = file\n  path = ~/sieve\n  active_path = ~/.dovecot.sieve\n}\n',
}

function settings23(all: Block): string {
  return settingLines(within(all, 'plugin', '').settings, /^sieve/)
}

function settings24(all: Block): string {
  return (
    settingLines(all.settings, /^sieve_/) +
    all.blocks
      .filter(({ kind }) => /^sieve_/.test(kind))
      .map(text)
      .join('')
  )
}

function text({ kind, name, settings, blocks }: Block): string {
  return `${kind}${name === '' ? '' : ` ${name}`} {\n${settingLines(settings, /./)}${blocks.map(text).join('')}}\n`
}

function mentions({ settings, blocks, name }: Block, word: string): boolean {
  const isIn = (text: string) => text.includes(word)
  return isIn(name) || [...settings.values()].some(isIn) || blocks.some((block) => mentions(block, word))
}

/** Whether anything that delivers mail runs Sieve. */
function runsSieve({ kind, settings, blocks }: Block): boolean {
  const isNamed = /(^|\s)sieve(\s|$)/.test(settings.get('mail_plugins') ?? '')
  return isNamed || (kind === 'mail_plugins' && settings.get('sieve') === 'yes') || blocks.some(runsSieve)
}

const COMMON = ({ folder }: Where) => `base_dir = ${folder}
state_dir = ${folder}
auth_socket_path = ${folder}/userdb
ssl = no
first_valid_uid = 1
`

function configuration23(lines: string, where: Where): string {
  return `${COMMON(where)}mail_location = maildir:${where.mail}
plugin {
${lines}}
`
}

function configuration24(lines: string, where: Where): string {
  return `dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
${COMMON(where)}mail_driver = maildir
mail_path = ${where.mail}
${lines}`
}
