import t from 'tap'
import { debian } from '../support/debian.ts'
import { type Installation, installed } from '../support/dovecot-installed.ts'

const OLDER: Installation = {
  as: '11-postferry.conf',
  // A protocol of its own, because it is there that plugins are lost when the order is wrong.
  also: { 'conf.d/20-imap.conf': 'protocol imap {\n  mail_plugins = $mail_plugins imap_zlib\n}\n' },
}

t.test('installed into the configuration of Debian 12, ours is what counts', async (t) => {
  const read = await installed(t, debian(12), OLDER)
  t.match(read, /^mail_location = maildir:~\/Maildir$/m)
  t.match(read, /^auth_username_chars = $/m)
  // Postfix waits 10 s, and postferry takes its time itself.
  t.match(read, /^auth_failure_delay = 0$/m)
  t.match(read, /^service anvil \{\n {2}unix_listener anvil-auth-penalty \{\n {4}mode = 00\n/m)
  t.match(read, /^protocol imap \{\n {2}mail_plugins = " listescape quota imap_quota imap_zlib"/m)
  t.match(read, /^ {2}separator = \/$/m)
  t.same(read.match(/^ {2}driver = .*/gm), ['  driver = lua', '  driver = prefetch', '  driver = lua'])
})

t.test('checkpassword takes the place of Lua by one line', async (t) => {
  const change = (text: string) => text.replace('!include postferry-lua.conf.ext\n#!', '!')
  const read = await installed(t, debian(12), { ...OLDER, change })
  t.same(read.match(/^ {2}driver = .*/gm), [
    '  driver = checkpassword',
    '  driver = prefetch',
    '  driver = checkpassword',
  ])
})

t.test('installed into the configuration of Debian 13, ours is what counts', async (t) => {
  const read = await installed(t, debian(13), { as: '99-postferry.conf' })
  for (const line of [
    'mail_driver = maildir',
    'mail_path = ~/Maildir',
    'mail_inbox_path = ~/Maildir',
    'mailbox_list_storage_escape_char = \\',
    'auth_failure_delay = 0',
    'auth_internal_failure_delay = 0',
    'service auth-worker {\n  process_limit = 60\n',
    'service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n',
    'protocol lmtp {\n  auth_username_format = %{user}\n',
    'protocol imap {\n  mail_plugins {\n    imap_quota = yes\n',
  ]) {
    t.ok(`\n${read}`.includes(`\n${line}`), line)
  }
  t.match(read, /^ {2}separator = \/$/m)
  t.same(read.match(/^(passdb|userdb) .*/gm), ['passdb lua {', 'userdb prefetch {', 'userdb lua {'])
  t.notMatch(read, /^auth_username_chars = $/m, 'an empty list lets names reach SQL and LDAP as they are')
})
