import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkOwnDomains } from '../../src/cli/doctor/own-domains.ts'
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
  const unset = { id: 'postfix-delimiter', result: 'warn', found: /"\+".*POSTFERRY_RECIPIENT_DELIMITER is not set$/ }
  const remedy = 'POSTFERRY_RECIPIENT_DELIMITER=+, in the settings'
  t.match(await found('recipient_delimiter = +'), [{}, { ...unset, remedy }])
  const unknown = { remedy: `${remedy} and recipient_delimiter = +, in main.cf` }
  t.match(await found('recipient_delimiter = !'), [{}, unknown])
  t.match([...checkPostfix(null, {} as Settings)], [{ result: 'ok', found: /not on this host/ }])
})

t.test('Postfix is to take no domain that moves for one of its own', async (t) => {
  const domains = ['old', 'other'].map((name) => ({
    ...{ name: `${name}.example`, newDomain: 'new.example', provider: 'old' },
  }))
  const folder = t.testdir({
    'main.cf': '',
    'master.cf': '',
    virtual: 'new.example anything\nanna@new.example anna\n',
    names: '',
  })
  const inFolder = (name: string) => join(folder, name)
  process.env.MAIL_CONFIG = folder
  t.teardown(() => delete process.env.MAIL_CONFIG)
  execFileSync('postmap', [`hash:${inFolder('virtual')}`])

  const main = (...lines: string[]) =>
    writeFileSync(
      inFolder('main.cf'),
      ['compatibility_level = 3.6', 'myhostname = old.example', ...lines, ''].join('\n'),
    )
  const found = async (...lines: string[]) => {
    main(...lines)
    return await Array.fromAsync(checkOwnDomains(domains))
  }
  const [well, id] = [{ result: 'ok' }, 'postfix-own-domains']
  t.match(await found('mydestination = localhost'), [
    { id, ...well },
    { id, ...well },
  ])

  const [host] = await found('mydestination = $myhostname, localhost.$mydomain,', '  localhost Other.example')
  t.match(host, { id, result: 'fail', found: /^mydestination has old\.example, other\.example$/, why: /Dovecot/ })
  t.equal(host?.remedy, "postconf -e 'mydestination = localhost.$mydomain, localhost' && postfix reload")
  execFileSync('sh', ['-c', `${host?.remedy}`.replace(' && postfix reload', '')])
  t.match(await Array.fromAsync(checkOwnDomains(domains)), [well, well], 'the line mends it')

  const [, alias] = await found('mydestination =', `virtual_alias_maps = hash:${inFolder('virtual')}`)
  t.match(alias, { id, result: 'fail', found: 'virtual_alias_domains has new.example', why: /no alias/ })
  t.equal(
    alias?.remedy,
    `take new.example out of ${inFolder('virtual')}, then: postmap hash:${inFolder('virtual')} && postfix reload`,
  )
  t.match(await found('mydestination =', 'virtual_alias_maps = socketmap:unix:none:alias'), [well, well])

  writeFileSync(inFolder('names'), '# other.example\nlocalhost\nother.example\n')
  const [named] = await found(`mydestination = !old.example, ${inFolder('names')}, old.example`)
  t.match(named, {
    found: 'mydestination has other.example',
    remedy: `take other.example out of ${inFolder('names')}, then: postfix reload`,
  })
  t.match(await found('mydestination = hash:/nowhere/at/all'), [
    { id, result: 'warn', found: /^mydestination could not be looked at: postmap: .*nowhere/ },
    well,
  ])
})
