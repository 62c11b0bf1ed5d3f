import t from 'tap'
import { storageOf } from '../../../src/engines/doveadm/storage.ts'
import { parseDoveconf } from '../../../src/files/doveconf.ts'

const storage = (version: '2.3' | '2.4', text: string) =>
  storageOf(parseDoveconf(`# ${version}.1: /etc/dovecot/dovecot.conf\n${text}`).all, version)

t.test('a Maildir in the home, as deploy/dovecot has it, is read from its files', async (t) => {
  const all = [
    storage('2.3', 'mail_location = maildir:~/Maildir\nmail_plugins = quota listescape'),
    storage('2.3', 'mail_location = maildir:%h/Maildir\nmail_plugins = listescape acl'),
    storage(
      '2.4',
      'mail_driver = maildir\nmail_path = ~/Maildir\nmail_inbox_path = ~/Maildir\nmailbox_list_storage_escape_char = \\',
    ),
  ]
  t.same(
    all.map(({ isPlain }) => isPlain),
    [true, true, true],
  )
})

t.test('of others what says where and how mail lies is taken over, and nothing else', async (t) => {
  const old = storage(
    '2.3',
    `mail_location = mdbox:/mail/%d/%n:INDEX=/index/%u:LAYOUT=fs
mail_plugins = quota zlib fts notify
mail_attachment_dir = /mail/attachments
protocols = imap
plugin {
  quota = count:User quota
  zlib_save = gz
  fts = solr
}`,
  )
  t.equal(
    old.live,
    'mail_location = mdbox:/mail/%d/%n:INDEX=/index/%u:LAYOUT=fs\nmail_attachment_dir = /mail/attachments\nmail_plugins = zlib\nplugin {\nzlib_save = gz\n}',
  )
  t.match(old.mirror('~'), /^mail_location = mdbox:~\/mail:LAYOUT=fs\n/)
  t.equal(old.mirror('~/m', true), 'location = mdbox:~/m/mail:LAYOUT=fs')
  const now = storage(
    '2.4',
    `mail_driver = maildir
mail_plugins = quota mail_compress
mail_compress_write_method = zstd
mail_path = /mail/%{user | domain}
mail_index_path = /index/%{user}
fts_driver = solr`,
  )
  t.equal(
    now.live,
    'mail_driver = maildir\nmail_path = /mail/%{user | domain}\nmail_index_path = /index/%{user}\nmail_compress_write_method = zstd\nmail_plugins = mail_compress',
  )
  t.equal(now.mirror('~/m', true), 'mail_path = ~/m/mail\nmail_inbox_path = ~/m/mail\nmail_index_path =')
})

t.test('what cannot be copied into is refused by its name', async (t) => {
  t.throws(
    () => storage('2.3', 'mail_location = mbox:~/mail'),
    /mbox:~\/mail: mail is copied into maildir, sdbox, mdbox/,
  )
  t.throws(() => storage('2.4', 'mail_driver = imapc'), /mail_driver = imapc/)
  const perUser =
    'mail_location = sdbox:~/sdbox\nmail_plugins = mail_crypt\nplugin {\n  mail_crypt_curve = secp521r1\n}'
  t.throws(() => storage('2.3', perUser), /mail_crypt encrypts .* a global key/)
  t.equal(storage('2.3', perUser.replace('curve = secp521r1', 'global_public_key = </k.pem')).isPlain, false)
})

t.end()
