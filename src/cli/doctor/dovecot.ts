import { type Dovecot, isBefore, readDovecot, within } from '../../files/doveconf.ts'
import type { Settings } from '../../settings.ts'
import { checkCertificate } from './certificate.ts'
import { askerIn, checkLua, checkReach, driverOf, isOurs } from './dovecot-reach.ts'
import type { Finding } from './finding.ts'

/** One thing in Dovecot's configuration that postferry's own files set, or that its version makes dangerous. */
interface Look {
  readonly id: string
  readonly result: 'warn' | 'fail'
  /** What is wrong; null: nothing. */
  flaw(dovecot: Dovecot): string | null
  readonly well: string
  readonly why: string
  mend(dovecot: Dovecot): string
}

const WORKERS = 60
const DEFAULT_CHARS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@'
/** In addresses, beside letters, digits and what Dovecot's default has. */
const ALSO_IN_ADDRESSES = ['+', "'", '&', '~', '#', '!', '=']
const PENALTY_OFF = 'service anvil { unix_listener anvil-auth-penalty { mode = 0 } }, each brace on a line of its own'

const LOOKS: readonly Look[] = [
  {
    ...{ id: 'dovecot-passdb', result: 'fail', well: 'it asks postferry first' },
    why: 'whoever is asked before postferry decides alone: wrong passwords are counted and delayed there',
    flaw({ all }) {
      const drivers = all.blocks.filter(({ kind }) => kind === 'passdb').map(driverOf)
      if (!drivers.some(isOurs)) return 'no passdb asks postferry: nobody can sign in with a password of the old server'
      return drivers[0] !== undefined && isOurs(drivers[0]) ? null : `passdb ${drivers[0]} is asked before postferry`
    },
    mend: (dovecot) =>
      `install deploy/dovecot/${seriesOf(dovecot)}, and put # before "!include auth-system" in 10-auth.conf`,
  },
  {
    ...{ id: 'dovecot-username-injection', result: 'fail', well: 'names cannot reach an SQL or LDAP passdb unescaped' },
    why: 'before 2.4.3, with an empty list, names go unescaped into the queries of its own SQL and LDAP passdbs (CVE-2026-24031, CVE-2026-27860)',
    flaw: (dovecot) =>
      !isBefore(dovecot, 2, 4) && isBefore(dovecot, 2, 4, 3) && usernameChars(dovecot) === ''
        ? `auth_username_chars is empty in Dovecot ${dovecot.versionText}`
        : null,
    mend: () => 'take the line auth_username_chars of deploy/dovecot/2.4/postferry.conf',
  },
  {
    ...{ id: 'dovecot-username-chars', result: 'warn', well: 'everybody whose name postferry takes may sign in' },
    why: 'Dovecot refuses these people itself, as if their password were wrong',
    flaw(dovecot) {
      const chars = usernameChars(dovecot)
      if (chars === '') return null
      const missing = ALSO_IN_ADDRESSES.filter((char) => !chars.includes(char))
      if (!/[^ -~]/.test(chars)) missing.push('letters beyond ASCII')
      return missing.length === 0 ? null : `auth_username_chars lacks ${missing.join(' ')}`
    },
    mend: (dovecot) =>
      isBefore(dovecot, 2, 4)
        ? 'auth_username_chars ='
        : 'take the line auth_username_chars of deploy/dovecot/2.4/postferry.conf',
  },
  {
    ...{ id: 'dovecot-dsync', result: 'warn', well: 'no dsync over the network is configured' },
    why: 'before 2.4.5 a message can be made so that dsync, run by an administrator over a stream, takes it for commands (CVE-2026-33606)',
    flaw(dovecot) {
      const { all } = dovecot
      // The HTTP interface runs no dsync over its stream.
      const listens = within(all, 'service', 'doveadm').blocks.some(
        ({ kind, name, settings }) => kind === 'inet_listener' && name !== 'http' && settings.get('port') !== '0',
      )
      const replicates = /\breplication\b/.test(all.settings.get('mail_plugins') ?? '')
      return isBefore(dovecot, 2, 4, 5) && (listens || replicates)
        ? `Dovecot ${dovecot.versionText} is set up for dsync over the network`
        : null
    },
    mend: () =>
      'take "inet_listener" out of "service doveadm", or see in its changelog that your packages have the fix',
  },
  {
    ...{ id: 'dovecot-penalty', result: 'warn', well: 'no penalty for the address of a client' },
    why: 'after wrong passwords everybody from one address waits up to 17 s, right passwords too, and Postfix gives up after 10 s; postferry limits guesses itself',
    flaw({ all }) {
      const listener = within(within(all, 'service', 'anvil'), 'unix_listener', 'anvil-auth-penalty')
      return Number.parseInt(listener.settings.get('mode') ?? '0600', 8) === 0 ? null : 'anvil-auth-penalty is on'
    },
    mend: () => PENALTY_OFF,
  },
  {
    ...{ id: 'dovecot-failure-delay', result: 'warn', well: 'refusals wait for postferry alone' },
    why: 'postferry holds refusals back itself; both together are too long for Postfix',
    flaw(dovecot) {
      const names = ['auth_failure_delay', ...(isBefore(dovecot, 2, 4) ? [] : ['auth_internal_failure_delay'])]
      const set = names.filter((name) => !/^0\b/.test(dovecot.all.settings.get(name) ?? '2 secs'))
      return set.length === 0 ? null : `${set.join(' and ')} ${set.length === 1 ? 'is' : 'are'} not 0`
    },
    mend: (dovecot) => `auth_failure_delay = 0${isBefore(dovecot, 2, 4) ? '' : ', auth_internal_failure_delay = 0'}`,
  },
  {
    ...{ id: 'dovecot-workers', result: 'warn', well: 'enough sign-ins at a time' },
    why: 'a sign-in occupies a worker while the old server is slow, up to 40 s; with all of them occupied, everybody waits',
    flaw(dovecot) {
      const limit = workersOf(dovecot)
      return limit < WORKERS ? `${limit} auth workers at most` : null
    },
    mend: (dovecot) =>
      isBefore(dovecot, 2, 4)
        ? `auth_worker_max_count = ${WORKERS}`
        : `process_limit = ${WORKERS}, inside of service auth-worker`,
  },
  {
    ...{ id: 'dovecot-auth-cache', result: 'fail', well: 'its auth cache is off' },
    why: 'changed passwords and disabled accounts would be let in as before, for as long as it remembers them',
    flaw({ all }) {
      const size = all.settings.get('auth_cache_size') ?? '0'
      return /^0\b/.test(size) ? null : `auth_cache_size is ${size}`
    },
    mend: () => 'auth_cache_size = 0',
  },
  {
    ...{ id: 'dovecot-mail', result: 'fail', well: 'it shows the folders that are copied, under their names' },
    why: 'people would not see their copied mail, or see folders under wrong names',
    flaw: mailFlaw,
    mend: (dovecot) =>
      `see deploy/dovecot/${seriesOf(dovecot)}/postferry.conf; it must be read behind Debian's own files`,
  },
  {
    ...{ id: 'dovecot-storage', result: 'warn', well: 'a mailbox is one folder, in the clear' },
    why: 'a flip puts a whole mailbox in its place by a rename, and a return reads its files: what lies elsewhere, is encrypted, compressed or replicated would be lost',
    flaw: storageFlaw,
    mend: () => 'take it out, or keep the provider "immediate"',
  },
  {
    ...{ id: 'dovecot-lmtp', result: 'fail', well: 'LMTP asks for whole addresses' },
    why: 'accounts are named by whole addresses: every delivery would be refused (550)',
    flaw({ all }) {
      const format = within(all, 'protocol', 'lmtp').settings.get('auth_username_format')
      const used = format ?? all.settings.get('auth_username_format') ?? '%u'
      return /%L?n|%\{ *user *\| *username/.test(used)
        ? `LMTP cuts the domain off: auth_username_format = ${used}`
        : null
    },
    mend: (dovecot) =>
      isBefore(dovecot, 2, 4)
        ? 'auth_username_format = %u, in protocol lmtp too'
        : 'auth_username_format = %{user}, in protocol lmtp',
  },
  {
    ...{ id: 'dovecot-delivery', result: 'warn', well: 'it asks postferry where each message is delivered' },
    why: 'mail for people who have not signed in here yet would be refused (550), and not handed to the old server',
    flaw: ({ all }) =>
      (within(all, 'protocol', 'lmtp').settings.get('lmtp_proxy') ?? all.settings.get('lmtp_proxy')) === 'yes'
        ? null
        : 'lmtp_proxy is not on',
    mend: () => 'lmtp_proxy = yes',
  },
]

/** Whether the Dovecot of this host is set up for postferry. */
export async function* checkDovecot(settings: Settings, file: string | undefined): AsyncGenerator<Finding> {
  const check = 'dovecot'
  const dovecot = await readDovecot(file).catch((error: Error) => error)
  if (dovecot === null) {
    yield { check, result: 'ok', found: 'not on this host: nothing of it was looked at' }
    return
  }
  if (dovecot instanceof Error) {
    const remedy = 'run as root, or name its file with --dovecot-config'
    yield { check, result: 'warn', found: `its configuration cannot be read: ${dovecot.message}`, remedy }
    return
  }
  yield { check, result: 'ok', found: `${dovecot.versionText}, ${dovecot.file}` }
  if (file === undefined && askerIn(dovecot) === undefined) {
    const remedy = `deploy/dovecot/README.md; a host that only copies mail needs no Dovecot`
    yield {
      check,
      id: 'dovecot-passdb',
      result: 'warn',
      found: 'it does not ask postferry: it was not looked at',
      remedy,
    }
    return
  }
  yield* examineDovecot(dovecot)
  yield* checkReach(dovecot, settings)
  yield* checkLua(dovecot)
  const certificate = certificateOf(dovecot)
  if (certificate !== null) yield checkCertificate('dovecot-certificate', certificate)
}

/** What its configuration and version say. */
export function* examineDovecot(dovecot: Dovecot): Generator<Finding> {
  for (const { id, result, flaw, well, why, mend } of LOOKS) {
    const found = flaw(dovecot)
    if (found === null) yield { check: 'dovecot', id, result: 'ok', found: well }
    else yield { check: 'dovecot', id, result, found, why, remedy: mend(dovecot) }
  }
}

function seriesOf(dovecot: Dovecot): '2.3' | '2.4' {
  return isBefore(dovecot, 2, 4) ? '2.3' : '2.4'
}

function usernameChars({ all }: Dovecot): string {
  return all.settings.get('auth_username_chars') ?? DEFAULT_CHARS
}

function workersOf(dovecot: Dovecot): number {
  const { all } = dovecot
  const set = isBefore(dovecot, 2, 4)
    ? all.settings.get('auth_worker_max_count')
    : within(all, 'service', 'auth-worker').settings.get('process_limit')
  return Number(set ?? 30)
}

function mailFlaw(dovecot: Dovecot): string | null {
  const { settings } = dovecot.all
  const flaws = Object.entries(isBefore(dovecot, 2, 4) ? MAIL_IN_2_3 : MAIL_IN_2_4)
    .filter(([name, right]) => !right.test(settings.get(name) ?? ''))
    .map(([name]) => `${name} is ${settings.get(name) || 'not set'}`)
  if (within(dovecot.all, 'namespace', 'inbox').settings.get('separator') !== '/') {
    flaws.push('the separator of namespace inbox is not /')
  }
  return flaws.length === 0 ? null : flaws.join('; ')
}

const ELSEWHERE = ['mail_index_path', 'mail_control_path', 'mail_alt_path', 'mail_volatile_path']
const UNFIT = ['mail_crypt', 'zlib', 'mail_compress', 'fs_compress', 'replication']

/** Dovecot 2.4 may list plugins as a block. */
function storageFlaw({ all }: Dovecot): string | null {
  const location = all.settings.get('mail_location') ?? ''
  const listed = (all.settings.get('mail_plugins') ?? '').split(/\s+/)
  const block = within(all, 'mail_plugins', '').settings
  const found = [
    ...ELSEWHERE.filter((name) => (all.settings.get(name) ?? '') !== ''),
    ...(/:(INDEX|CONTROL|ALT|VOLATILEDIR)=/.test(location) ? [`mail_location = ${location}`] : []),
    ...UNFIT.filter((name) => listed.includes(name) || block.get(name) === 'yes'),
  ]
  return found.length === 0 ? null : `it is set up with ${found.join(', ')}`
}

const MAIL_IN_2_3 = { mail_location: /^maildir:~\/Maildir$/, mail_plugins: /\blistescape\b/ }
const MAIL_IN_2_4 = {
  mail_driver: /^maildir$/,
  mail_path: /^~\/Maildir$/,
  mail_inbox_path: /^~\/Maildir$/,
  mailbox_list_storage_escape_char: /^\\$/,
}

/** The file of its own certificate; null: it has none, or says it inline. */
function certificateOf({ all: { settings } }: Dovecot): string | null {
  if (settings.get('ssl') === 'no') return null
  const file = settings.get('ssl_server_cert_file') ?? settings.get('ssl_cert')?.replace(/^</, '')
  return file?.startsWith('/') ? file : null
}
