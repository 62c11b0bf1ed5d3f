import t from 'tap'
import { checkPostfix, readPostfix } from '../../src/cli/doctor/postfix.ts'
import type { Settings } from '../../src/settings.ts'

t.test('Postfix is to ask through the relay, and to know the same sub-addresses', async (t) => {
  const found = async (main: string, recipientDelimiter = '') => {
    const folder = t.testdir({ 'main.cf': `compatibility_level = 3.6\n${main}\n`, 'master.cf': '' })
    process.env.MAIL_CONFIG = folder
    try {
      return [...checkPostfix(await readPostfix(), { recipientDelimiter } as Settings)]
    } finally {
      delete process.env.MAIL_CONFIG
    }
  }
  t.match(await found(''), [{ id: 'postfix-sasl', result: 'ok' }])
  const dovecot = 'smtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth'
  t.match(await found(dovecot), [{ id: 'postfix-sasl', result: 'warn', remedy: /private\/postferry-auth/ }])
  t.match(await found(dovecot.replace('/auth', '/postferry-auth')), [{ result: 'ok' }])
  t.match(await found('recipient_delimiter =', '+'), [
    {},
    { id: 'postfix-delimiter', remedy: /^recipient_delimiter = \+/ },
  ])
  t.equal((await found('recipient_delimiter = +-', '+')).length, 1)
  t.match([...checkPostfix(null, {} as Settings)], [{ result: 'ok', found: /not on this host/ }])
})
