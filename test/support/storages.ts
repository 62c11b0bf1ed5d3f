import type { Debian } from './debian.ts'
import type { Place } from './dovecot.ts'

export interface StorageRow {
  readonly name: string
  /** As lines of the destination's configuration. */
  readonly storage: Readonly<Record<Debian['dovecot'], (place: Place) => string>>
}

const ESCAPED = 'mailbox_list_storage_escape_char = "\\\\"'

/** How new servers store mail beside a Maildir in the home. */
export const STORAGES: readonly StorageRow[] = [
  {
    name: 'sdbox',
    storage: {
      '2.3': () => 'mail_location = sdbox:~/sdbox\nmail_plugins = listescape',
      '2.4': () => `mail_driver = sdbox\nmail_path = ~/sdbox\n${ESCAPED}`,
    },
  },
  {
    name: 'mdbox, compressed',
    storage: {
      '2.3': () => 'mail_location = mdbox:~/mdbox\nmail_plugins = listescape zlib quota\nplugin {\n  zlib_save = gz\n}',
      '2.4': () =>
        `mail_driver = mdbox\nmail_path = ~/mdbox\n${ESCAPED}\nmail_plugins = mail_compress\nmail_compress_write_method = gz`,
    },
  },
  {
    name: 'a compressed Maildir',
    storage: {
      '2.3': () => 'mail_location = maildir:~/Maildir\nmail_plugins = listescape zlib\nplugin {\n  zlib_save = gz\n}',
      '2.4': () =>
        `mail_driver = maildir\nmail_path = ~/Maildir\nmail_inbox_path = ~/Maildir\n${ESCAPED}\nmail_plugins = mail_compress\nmail_compress_write_method = gz`,
    },
  },
  {
    name: 'a Maildir outside of the home, with its indexes elsewhere',
    storage: {
      '2.3': ({ folder }) =>
        `mail_location = maildir:${folder}/mail/outside/%u:INDEX=${folder}/mail/indexes/%u\nmail_plugins = listescape`,
      '2.4': ({ folder }) =>
        `mail_driver = maildir\nmail_path = ${folder}/mail/outside/%{user}\nmail_inbox_path = ${folder}/mail/outside/%{user}\nmail_index_path = ${folder}/mail/indexes/%{user}\n${ESCAPED}`,
    },
  },
]
