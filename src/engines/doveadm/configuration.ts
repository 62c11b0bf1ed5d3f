import type { Dovecot } from './version.ts'

// The mail as deploy/dovecot has it; nothing else of the new server's settings: neither search, notifications, quota nor
// replication are for a mirror.
const STORAGE: Readonly<Record<Dovecot['kind'], string>> = {
  '2.3': `mail_location = maildir:~/Maildir
mail_plugins = listescape
# Without modseq the numbers of changes fall behind the source's.
imapc_features = rfc822.size fetch-headers fetch-bodystructure modseq`,
  '2.4': `mail_driver = maildir
mail_path = ~/Maildir
mail_inbox_path = ~/Maildir
mailbox_list_storage_escape_char = "\\\\"
# A Cyrus has metadata that doveadm cannot read, and it would stop there.
imapc_features = no-metadata`,
}

// A 2.4 takes no other setting for the first.
const VERSION: Readonly<Record<Dovecot['kind'], string>> = {
  '2.3': '',
  '2.4': 'dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n',
}

/** What the mirror's folders are called where both are shown. */
export const MIRROR_PREFIX = '.mirror/'

const MIRROR_STORAGE: Readonly<Record<Dovecot['kind'], (home: string) => string>> = {
  '2.3': (home) => `location = maildir:${home}/Maildir`,
  '2.4': (home) => `mail_path = ${home}/Maildir`,
}

/**
 * What doveadm reads to copy: the same for the mirror and for the mailbox in use, which are two users of the socket.
 * @param folder a folder of its own, where its sockets are
 */
export function configuration(kind: Dovecot['kind'], folder: string): string {
  return `${VERSION[kind]}base_dir = ${folder}
state_dir = ${folder}
auth_socket_path = ${folder}/userdb
ssl = no
first_valid_uid = 1
${STORAGE[kind]}
# One syncfs comes before what was copied is noted.
mail_fsync = never
mail_prefetch_count = 500
namespace inbox {
  inbox = yes
  separator = /
}
`
}

/**
 * The same for the mailbox in use, with its mirror beside it.
 * @param mirror from the home
 */
export function bothConfiguration(kind: Dovecot['kind'], folder: string, mirror: string): string {
  return `${configuration(kind, folder)}namespace mirror {
  prefix = ${MIRROR_PREFIX}
  separator = /
  hidden = yes
  list = no
  subscriptions = no
  ${MIRROR_STORAGE[kind](`~/${mirror}`)}
}
`
}
