import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bothDebians } from '../support/debian.ts'
import { startNew } from '../support/destination.ts'
import { json, ScriptedPostferry } from '../support/scripted-postferry.ts'
import { Smtp } from '../support/smtp.ts'

const LMTP = { '2.3': 'protocols = imap lmtp', '2.4': 'protocols {\n  lmtp = yes\n}' }

for (const debian of bothDebians()) {
  t.test(`Dovecot ${debian.dovecot} delivers to whoever postferry knows, by the whole address`, async (t) => {
    const postferry = await ScriptedPostferry.start('tcp')
    t.teardown(() => postferry[Symbol.asyncDispose]())
    const passdb = { passdb: 'lua', url: postferry.url, token: 'auth-token-of-this-test' } as const
    const configuration = LMTP[debian.dovecot]
    const dovecot = await startNew({ ...passdb, debian, isScripted: true, configuration })
    t.teardown(() => dovecot[Symbol.asyncDispose]())
    const home = join(dovecot.mailRoot, 'ann')
    postferry.reply = (response, asked) => {
      const isAnn = asked?.body.username === 'ann@old.example'
      json(isAnn ? 200 : 404, isAnn ? { found: true, fields: { home } } : { found: false })(response)
    }
    const deliver = async (recipient: string) => {
      await using lmtp = await Smtp.openLmtp(join(dovecot.folder, 'run/lmtp'))
      return await lmtp.deliver(recipient, 'Subject: to ann\r\n\r\nhello')
    }

    t.match(await deliver('ann@old.example'), /^250 /)
    const arrived = readdirSync(join(home, 'Maildir/new'))
    t.match(readFileSync(join(home, 'Maildir/new', `${arrived[0]}`), 'utf8'), /^Subject: to ann\r?$/m)
    t.match(await deliver('ann@else.example'), /^550 /, 'the same name in another domain is somebody else')
    await postferry.close()
    t.match(await deliver('ann@old.example'), /^451 /, 'postferry is away: it stays in the queue')
    t.equal(readdirSync(join(home, 'Maildir/new')).length, 1)
  })
}
