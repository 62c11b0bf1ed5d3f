import { type Block, quoted, readDovecot, settingLines, within } from '../../files/doveconf.ts'
import type { Dovecot } from './version.ts'

/** How the destination stores mail, as lines of Dovecot's configuration. */
export interface Storage {
  /** A Maildir in the home as deploy/dovecot has it: files are the messages, byte for byte. */
  readonly isPlain: boolean
  /** What a namespace of it calls its INBOX, after the namespace's prefix. */
  readonly inbox: '' | 'INBOX'
  /** Of the mailbox in use. */
  readonly live: string
  /** The same kind of storage below a folder, for a mirror; `inNamespace`: as the storage of one namespace. */
  mirror(folder: string, inNamespace?: boolean): string
}

/** Mail that doveadm cannot copy into: the reason, and what to do. */
export class UnfitStorage extends Error {}

const PLAIN: Readonly<Record<Dovecot['kind'], Storage>> = {
  '2.3': {
    ...{ isPlain: true, inbox: '' },
    live: 'mail_location = maildir:~/Maildir\nmail_plugins = listescape',
    mirror: (folder, inNamespace = false) =>
      inNamespace
        ? `location = maildir:${folder}/Maildir`
        : `mail_location = maildir:${folder}/Maildir\nmail_plugins = listescape`,
  },
  '2.4': {
    ...{ isPlain: true, inbox: '' },
    live: `mail_driver = maildir
mail_path = ~/Maildir
mail_inbox_path = ~/Maildir
mailbox_list_storage_escape_char = "\\\\"`,
    mirror: (folder, inNamespace = false) =>
      inNamespace
        ? `mail_path = ${folder}/Maildir`
        : `mail_driver = maildir
mail_path = ${folder}/Maildir
mail_inbox_path = ${folder}/Maildir
mailbox_list_storage_escape_char = "\\\\"`,
  },
}

export function plainStorage(kind: Dovecot['kind']): Storage {
  return PLAIN[kind]
}

const KEPT_MS = 60_000
const known = new Map<string, { readonly at: number; readonly found: Promise<Storage> }>()

/**
 * The storage that a configuration of Dovecot names, read once a minute.
 * @param file null: it is as deploy/dovecot has it
 * @throws UnfitStorage, or with Dovecot's words when the file cannot be read
 */
export async function storageIn(file: string | null, { kind }: Dovecot): Promise<Storage> {
  if (file === null) return PLAIN[kind]
  const last = known.get(file)
  if (last !== undefined && performance.now() - last.at < KEPT_MS) return await last.found
  const found = read(file, kind)
  known.set(file, { at: performance.now(), found })
  found.catch(() => known.delete(file))
  return await found
}

async function read(file: string, kind: Dovecot['kind']): Promise<Storage> {
  const dovecot = await readDovecot(file)
  if (dovecot === null) throw new UnfitStorage(`POSTFERRY_DOVECOT_CONF: doveconf is missing, so nobody reads ${file}`)
  return storageOf(dovecot.all, kind)
}

/** @throws UnfitStorage */
export function storageOf(all: Block, kind: Dovecot['kind']): Storage {
  const plugins = (all.settings.get('mail_plugins') ?? '').split(/[\s,]+/).filter((name) => STORING.includes(name))
  const extra = kind === '2.3' ? within(all, 'plugin', '').settings : all.settings
  if (plugins.includes('mail_crypt') && ![...extra.keys()].some((key) => GLOBAL_KEY.test(key))) {
    throw new UnfitStorage(
      'mail_crypt encrypts the mail of each person with a key of their own, which a mirror does not have: take a global key (mail_crypt_global_public_key), or switch mail_crypt on when everybody is across',
    )
  }
  return kind === '2.3' ? storage23(all, plugins) : storage24(all, plugins)
}

/** Plugins that say how messages and names lie on the disk. */
const STORING = ['listescape', 'zlib', 'mail_compress', 'mail_crypt', 'fs_compress', 'fs_crypt']
const GLOBAL_KEY = /^(mail_crypt|crypt)_global_(public|private)_key/
const SETTING =
  /^(mail_(attachment|compress|ext_attachment|nfs)_|mail_max_|maildir_|m?dbox_|sdbox_|zlib_|compress_|crypt_|mail_crypt_|mailbox_list_|mmap_|dotlock_|lock_method|mail_temp_dir)/

function storage23(all: Block, plugins: readonly string[]): Storage {
  const ofNamespace = all.blocks.find(({ kind, settings }) => kind === 'namespace' && settings.get('inbox') === 'yes')
  const location = ofNamespace?.settings.get('location') || all.settings.get('mail_location') || ''
  const [, driver = '', rest = ''] = /^(\w+):(.*)$/.exec(location) ?? []
  refuseOther(driver, `mail_location = ${location}`)
  const layout = /:(LAYOUT=[^:]+)/.exec(rest)?.[1]
  const others = `${settingLines(all.settings, SETTING)}mail_plugins = ${plugins.join(' ')}
plugin {
${settingLines(within(all, 'plugin', '').settings, /^(zlib_|mail_crypt_|listescape_)/)}}`
  if (/^(~|%h)\/Maildir$/.test(rest) && driver === 'maildir' && plugins.join() === 'listescape') return PLAIN['2.3']
  const place = (folder: string) => [`${driver}:${folder}/mail`, ...(layout === undefined ? [] : [layout])].join(':')
  return {
    ...{ isPlain: false, inbox: inboxOf(driver) },
    live: `mail_location = ${location}\n${others}`,
    mirror: (folder, inNamespace = false) =>
      inNamespace ? `location = ${place(folder)}` : `mail_location = ${place(folder)}\n${others}`,
  }
}

function storage24(all: Block, plugins: readonly string[]): Storage {
  const { settings } = within(all, 'namespace', 'inbox')
  const of = (key: string) => settings.get(key) ?? all.settings.get(key)
  const [driver = '', path = ''] = [of('mail_driver'), of('mail_path')]
  refuseOther(driver, `mail_driver = ${driver}`)
  const placed = PLACES.flatMap((key) => (of(key) === undefined ? [] : [`${key} = ${quoted(of(key) ?? '')}`]))
  const escapeCharacter = of('mailbox_list_storage_escape_char')
  const others = `${settingLines(all.settings, SETTING)}mail_plugins = ${plugins.join(' ')}`
  const isInHome = /^(~|%h|%\{home\})\/Maildir$/.test(path) && placed.length === (of('mail_inbox_path') ? 1 : 0)
  if (isInHome && driver === 'maildir' && plugins.length === 0 && escapeCharacter === '\\') return PLAIN['2.4']
  const inbox = driver === 'maildir' ? (folder: string) => [`mail_inbox_path = ${folder}/mail`] : () => []
  const place = (folder: string) => [`mail_path = ${folder}/mail`, ...inbox(folder)].join('\n')
  const elsewhere = PLACES.filter((key) => key !== 'mail_inbox_path' && of(key) !== undefined).map((key) => `${key} =`)
  return {
    ...{ isPlain: false, inbox: inboxOf(driver) },
    live: [`mail_driver = ${driver}`, `mail_path = ${quoted(path)}`, ...placed, others].join('\n'),
    mirror: (folder, inNamespace = false) =>
      inNamespace
        ? [place(folder), ...elsewhere].join('\n')
        : [`mail_driver = ${driver}`, place(folder), others].join('\n'),
  }
}

/** A Maildir's INBOX is its root. */
function inboxOf(driver: string): Storage['inbox'] {
  return driver === 'maildir' ? '' : 'INBOX'
}

/** Where else than in `mail_path` something lies. */
const PLACES = ['mail_inbox_path', 'mail_index_path', 'mail_control_path', 'mail_alt_path', 'mail_volatile_path']
const DRIVERS = ['maildir', 'sdbox', 'mdbox']

function refuseOther(driver: string, said: string): void {
  if (DRIVERS.includes(driver)) return
  throw new UnfitStorage(`POSTFERRY_DOVECOT_CONF says ${said}: mail is copied into ${DRIVERS.join(', ')} only`)
}
