import type { Storage } from './storage.ts'
import type { Dovecot } from './version.ts'

// Nothing else of the new server's settings than where and how mail lies: neither search, notifications, quota nor
// replication are for a mirror.
const FEATURES: Readonly<Record<Dovecot['kind'], string>> = {
  '2.3': `# Without modseq the numbers of changes fall behind the source's.
imapc_features = rfc822.size fetch-headers fetch-bodystructure modseq`,
  '2.4': `# A Cyrus has metadata that doveadm cannot read, and it would stop there.
imapc_features = no-metadata`,
}

// A 2.4 takes no other setting for the first.
const VERSION: Readonly<Record<Dovecot['kind'], string>> = {
  '2.3': '',
  '2.4': 'dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n',
}

/** What the mirror's folders are called where both are shown. */
export const MIRROR_PREFIX = '.mirror/'

/** What doveadm reads, for three views: the mirror alone, the mailbox in use, and this with its mirror beside it. */
export interface Configurations {
  readonly mirror: string
  readonly live: string
  readonly both: string
}

/**
 * @param folder a folder of its own, where its sockets are
 * @param mirror where the mirror is, from the home
 */
export function configurations(
  kind: Dovecot['kind'],
  folder: string,
  mirror: string,
  storage: Storage,
): Configurations {
  const live = configuration(kind, folder, storage.live)
  return {
    mirror: configuration(kind, folder, storage.mirror('~')),
    live,
    both: `${live}namespace mirror {
  prefix = ${MIRROR_PREFIX}
  separator = /
  hidden = yes
  list = no
  subscriptions = no
${storage.mirror(`~/${mirror}`, true)}
}
`,
  }
}

function configuration(kind: Dovecot['kind'], folder: string, storage: string): string {
  return `${VERSION[kind]}base_dir = ${folder}
state_dir = ${folder}
auth_socket_path = ${folder}/userdb
ssl = no
first_valid_uid = 1
${storage}
${FEATURES[kind]}
# One syncfs comes before what was copied is noted.
mail_fsync = never
mail_prefetch_count = 1000
namespace inbox {
  inbox = yes
  separator = /
}
`
}
