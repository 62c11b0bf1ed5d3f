import { execFileSync } from 'node:child_process'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'

const SHIPPED = join(import.meta.dirname, '../../deploy/dovecot/2.3')

/** Debian's own configuration, copied, with ours installed as its README says. @returns Dovecot's reading of it */
async function installed(t: Test, change = (text: string) => text): Promise<string> {
  const folder = join(t.testdir(), 'dovecot')
  await cp('/usr/share/dovecot', folder, { recursive: true })
  const authFile = join(folder, 'conf.d/10-auth.conf')
  await writeFile(authFile, (await readFile(authFile, 'utf8')).replace(/^!include auth-system/m, '#$&'))
  const own = change(await readFile(join(SHIPPED, 'postferry.conf'), 'utf8'))
  await writeFile(join(folder, 'conf.d/11-postferry.conf'), own)
  for (const name of ['postferry-lua.conf.ext', 'postferry-checkpassword.conf.ext']) {
    await cp(join(SHIPPED, name), join(folder, 'conf.d', name))
  }
  // A protocol of its own, because it is there that plugins are lost when the order is wrong.
  const plugins = 'protocol imap {\n  mail_plugins = $mail_plugins imap_zlib\n}\n'
  await writeFile(join(folder, 'conf.d/20-imap.conf'), plugins)
  await writeFile(join(folder, 'conf.d/10-ssl.conf'), 'ssl = no\n')
  return execFileSync('doveconf', ['-n', '-c', join(folder, 'dovecot.conf')], { encoding: 'utf8' })
}

t.test('installed into the configuration of Debian, ours is what counts', async (t) => {
  const read = await installed(t)
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
  const read = await installed(t, (text) => text.replace('!include postferry-lua.conf.ext\n#!', '!'))
  t.same(read.match(/^ {2}driver = .*/gm), [
    '  driver = checkpassword',
    '  driver = prefetch',
    '  driver = checkpassword',
  ])
})
