import t from 'tap'
import { storageFlaw } from '../../../src/engines/doveadm/movable.ts'

const OURS = '# 2.3.19: /etc/dovecot/dovecot.conf\n!include postferry.conf\n'

t.test('a mailbox that cannot be renamed as a whole is refused', async (t) => {
  for (const [line, flaw] of [
    ['mail_location = maildir:~/Maildir', null],
    ['mail_plugins = quota listescape', null],
    ['mail_plugins {\n  quota = yes\n}', null],
    ['mail_location = maildir:~/Maildir:INDEX=/var/index/%u', /elsewhere/],
    ['mail_location = maildir:~/Maildir:CONTROL=/var/control/%u', /elsewhere/],
    ['mail_location = mdbox:~/mdbox:ALT=/slow/%u', /elsewhere/],
    ['  location = maildir:~/Maildir:VOLATILEDIR=/tmp/%u', /elsewhere/],
    ['mail_index_path = /var/index/%{user}', /elsewhere/],
    ['mail_control_path = /var/control/%{user}', /elsewhere/],
    ['mail_plugins = quota mail_crypt listescape', /encrypts/],
    ['mail_plugins {\n  mail_crypt = yes\n}', /encrypts/],
    ['mail_plugins = listescape zlib', /not the messages/],
    ['mail_plugins = " listescape zlib"', /not the messages/],
    ['mail_plugins = quota imap_zlib', null],
    ['mail_plugins {\n  mail_compress = yes\n}', /not the messages/],
    ['mail_plugins = quota fs_compress', /not the messages/],
    ['mail_plugins = replication', /replicates/],
  ] as const) {
    const found = storageFlaw(`${OURS}${line}\n`)
    if (flaw === null) t.equal(found, null, line)
    else t.match(found, flaw, line)
  }
  t.equal(storageFlaw('mail_plugins = replication\n'), null, 'another Dovecot is nobody of ours')
})

t.end()
