import t, { type Test } from 'tap'
import { examineDovecot } from '../../../src/cli/doctor/dovecot.ts'
import { parseDoveconf } from '../../../src/files/doveconf.ts'
import { type Debian, debian } from '../../support/debian.ts'
import { installed } from '../../support/dovecot-installed.ts'

/** What an administrator has written behind our lines, or before them. */
interface Fault {
  readonly what: string
  readonly behind?: string
  readonly before?: string
  readonly id: string
  readonly result: 'warn' | 'fail'
  readonly remedy: RegExp
}

const CHARS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@'
const BOTH: readonly Fault[] = [
  {
    ...{ what: 'failed sign-ins are delayed', id: 'dovecot-failure-delay', result: 'warn' },
    ...{ behind: 'auth_failure_delay = 3 secs', remedy: /^auth_failure_delay = 0/ },
  },
  {
    ...{
      what: 'clients are penalised',
      id: 'dovecot-penalty',
      result: 'warn',
      remedy: /anvil-auth-penalty \{ mode = 0/,
    },
    behind: 'service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0600\n  }\n}',
  },
  {
    ...{ what: 'it has an auth cache', id: 'dovecot-auth-cache', result: 'fail' },
    ...{ behind: 'auth_cache_size = 10M', remedy: /^auth_cache_size = 0$/ },
  },
  {
    ...{ what: 'its list of characters is the default', id: 'dovecot-username-chars', result: 'warn' },
    ...{ behind: `auth_username_chars = ${CHARS}`, remedy: /auth_username_chars/ },
  },
  {
    ...{ what: 'it does not ask where messages go', id: 'dovecot-delivery', result: 'warn' },
    ...{ behind: 'lmtp_proxy = no', remedy: /^lmtp_proxy = yes$/ },
  },
  {
    ...{ what: 'folders are separated by dots', id: 'dovecot-mail', result: 'fail', remedy: /postferry\.conf/ },
    behind: 'namespace inbox {\n  separator = .\n}',
  },
  {
    ...{ what: 'doveadm listens on the network', id: 'dovecot-dsync', result: 'warn', remedy: /service doveadm/ },
    behind: 'service doveadm {\n  inet_listener doveadm {\n    port = 12345\n  }\n}',
  },
]

const FAULTS: Readonly<Record<Debian['dovecot'], readonly Fault[]>> = {
  '2.3': [
    ...BOTH,
    {
      ...{ what: 'few workers', id: 'dovecot-workers', result: 'warn' },
      ...{ behind: 'auth_worker_max_count = 30', remedy: /^auth_worker_max_count = 60$/ },
    },
    {
      ...{ what: 'PAM comes first', id: 'dovecot-passdb', result: 'fail', remedy: /auth-system/ },
      before: 'passdb {\n  driver = pam\n}',
    },
    {
      ...{ what: 'LMTP cuts the domain off', id: 'dovecot-lmtp', result: 'fail', remedy: /^auth_username_format = %u/ },
      behind: 'protocol lmtp {\n  auth_username_format = %Ln\n}',
    },
    {
      ...{ what: 'mail is elsewhere', id: 'dovecot-mail', result: 'fail', remedy: /2\.3\/postferry\.conf/ },
      behind: 'mail_location = mdbox:~/mdbox',
    },
    {
      ...{ what: 'folder names are not escaped', id: 'dovecot-mail', result: 'fail', remedy: /2\.3\/postferry\.conf/ },
      behind: 'mail_plugins = quota',
    },
    {
      ...{ what: 'mail is encrypted to keys of people', id: 'dovecot-storage', result: 'warn', remedy: /immediate/ },
      behind: 'mail_plugins = listescape mail_crypt',
    },
    {
      ...{ what: 'mail is compressed', id: 'dovecot-storage', result: 'warn', remedy: /immediate/ },
      behind: 'mail_plugins = listescape zlib',
    },
  ],
  '2.4': [
    ...BOTH,
    {
      ...{ what: 'any character is taken', id: 'dovecot-username-injection', result: 'fail' },
      ...{ behind: 'auth_username_chars =', remedy: /^take the line auth_username_chars/ },
    },
    {
      ...{ what: 'what could not be decided is delayed', id: 'dovecot-failure-delay', result: 'warn' },
      ...{ behind: 'auth_internal_failure_delay = 2s', remedy: /auth_internal_failure_delay = 0$/ },
    },
    {
      ...{ what: 'few workers', id: 'dovecot-workers', result: 'warn', remedy: /^process_limit = 60/ },
      behind: 'service auth-worker {\n  process_limit = 30\n}',
    },
    {
      ...{ what: 'PAM comes first', id: 'dovecot-passdb', result: 'fail', remedy: /auth-system/ },
      before: 'passdb pam {\n}',
    },
    {
      ...{ what: 'LMTP cuts the domain off', id: 'dovecot-lmtp', result: 'fail', remedy: /%\{user\}/ },
      behind: 'protocol lmtp {\n  auth_username_format = %{user | username | lower}\n}',
    },
    {
      ...{ what: 'INBOX is elsewhere', id: 'dovecot-mail', result: 'fail', remedy: /2\.4\/postferry\.conf/ },
      behind: 'mail_inbox_path = /var/mail/%{user}',
    },
    {
      ...{ what: 'folder names are not escaped', id: 'dovecot-mail', result: 'fail', remedy: /2\.4\/postferry\.conf/ },
      behind: 'mailbox_list_storage_escape_char =',
    },
    {
      ...{ what: 'indexes are elsewhere', id: 'dovecot-storage', result: 'warn', remedy: /immediate/ },
      behind: 'mail_index_path = /var/index/%{user}',
    },
    {
      ...{ what: 'mail is compressed', id: 'dovecot-storage', result: 'warn', remedy: /immediate/ },
      behind: 'mail_plugins {\n  mail_compress = yes\n}',
    },
  ],
}

for (const release of [12, 13] as const) {
  const one = debian(release)
  const as = one.dovecot === '2.3' ? '11-postferry.conf' : '99-postferry.conf'
  const findings = async (t: Test, { before = '', behind = '' }: Partial<Fault>) => {
    const change = (text: string) => `${before}\n${text}\n${behind}\n`
    return [...examineDovecot(parseDoveconf(await installed(t, one, { as, change })))]
  }

  t.test(`what deploy/dovecot/${one.dovecot} installs is well`, async (t) => {
    const found = await findings(t, {})
    t.ok(found.length > 5)
    for (const { id, result, found: what } of found) t.equal(result, 'ok', `${id}: ${what}`)
  })

  for (const fault of FAULTS[one.dovecot]) {
    t.test(`Dovecot ${one.dovecot}: ${fault.what}`, async (t) => {
      const ill = (await findings(t, fault)).filter(({ result }) => result !== 'ok')
      const { id, result, remedy } = fault
      t.match(ill, [{ check: 'dovecot', id, result, why: /./, remedy }])
      t.equal(ill.length, 1, ill.map(({ found }) => found).join('; '))
    })
  }
}
