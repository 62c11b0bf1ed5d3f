import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { bothDebians } from '../support/debian.ts'
import { type DebianPostgres, startDebianPostgres } from '../support/debian-postgres.ts'
import { type MailWorld, startMailWorld } from '../support/mail-world.ts'
import { Smtp } from '../support/smtp.ts'
import { until } from '../support/until.ts'

const PEOPLE = {
  'anna@old.example': 'pw of anna',
  'ida@old.example': 'pw of ida',
  'bert@renamed.example': 'pw of bert',
  'carol@old.example': 'pw of carol',
  'dave@old.example': 'pw of dave',
  'late@old.example': 'pw of late',
}

const FLUSHED_MS = 300
const TAKEN = /^250 /
const NOT_THERE = /^550 /

for (const debian of bothDebians()) {
  t.test(`mail follows the person: Postfix and Dovecot of Debian ${debian.release}`, async (t) => {
    const postgres = await startDebianPostgres()
    t.teardown(() => postgres[Symbol.asyncDispose]())
    const world = await startMailWorld({
      ...{ debian, people: PEOPLE, handedBack: ['carol@old.example', 'dave@old.example'] },
      service: { DATABASE_URL: postgres.url },
    })
    t.teardown(() => world[Symbol.asyncDispose]())
    await tells(t, world, postgres)
  })
}

async function tells(t: Test, world: MailWorld, postgres: DebianPostgres): Promise<void> {
  const { ferry, newPostfix } = world
  let mails = 0
  /** Brings one message, waits until nothing is on its way, and says where it is. */
  const whereFrom = async (port: number | undefined, ...recipients: string[]) => {
    const mark = `message ${++mails}`
    const answers = await world.send(mark, recipients, port)
    await world.isQuiet()
    return { answers, at: world.mailboxesWith(mark) }
  }
  const where = async (...recipients: string[]) => (await whereFrom(undefined, ...recipients)).at

  t.test('before the first sign-in it is at the old server, once', async (t) => {
    t.same(await where('anna@old.example'), ['old anna@old.example'])
    t.same(await where('Anna+shop@old.example'), ['old anna@old.example'], 'a sub-address')
    t.same(await where('bert@renamed.example'), ['old bert@renamed.example'])
    t.same(await where('bert@new.example'), ['old bert@renamed.example'], 'by the new address')
    const imported = await ferry.service.run(['import', '-'], 'address,old_password\nida@old.example,pw of ida\n')
    t.equal(imported.exitCode, 0, imported.stderr)
    t.same(await where('ida@old.example'), ['old ida@old.example'], 'imported with her password, and not here yet')
  })

  t.test('from the first sign-in on it is here, once', async (t) => {
    for (const user of ['anna@old.example', 'bert@renamed.example', 'carol@old.example'] as const) {
      t.match(await world.signIn(user, PEOPLE[user]), /^OK /)
    }
    t.same(await where('anna@old.example'), ['new old.example/anna'])
    t.same(await where('ANNA+shop@old.example'), ['new old.example/anna'])
    t.same(await where('bert@renamed.example'), ['new new.example/bert'])
    t.same(await where('bert@new.example'), ['new new.example/bert'])
  })

  t.test('people whom nobody knows are refused at once', async (t) => {
    for (const nobody of ['nobody@old.example', 'nobody@new.example', 'nobody@renamed.example']) {
      const { answers, at } = await whereFrom(undefined, nobody)
      t.match(answers, [NOT_THERE])
      t.same(at, [])
    }
  })

  t.test('one message for several people goes where each of them is', async (t) => {
    const recipients = ['anna@old.example', 'nobody@old.example', 'ida@old.example', 'bert@new.example']
    const { answers, at } = await whereFrom(undefined, ...recipients)
    t.match(answers, [TAKEN, NOT_THERE, TAKEN, TAKEN, TAKEN])
    t.same(at.sort(), ['new new.example/bert', 'new old.example/anna', 'old ida@old.example'])
  })

  t.test('while postferry or its database is away, mail is taken later, and what waits arrives once', async (t) => {
    const RECIPIENTS = ['anna@old.example', 'ida@old.example']
    const waits = async (away: () => Promise<unknown>, back: () => Promise<unknown>) => {
      const deferred = () => newPostfix.log().match(/status=deferred/g)?.length ?? 0
      const bothAreDeferred = async () => {
        const before = deferred()
        await until(async () => {
          // What is on its way back into the queue is not flushed.
          newPostfix.flush()
          await pause(FLUSHED_MS)
          return deferred() >= before + 2
        }, 'both stay in the queue')
      }
      await world.dovecot.stop()
      const mark = `message ${++mails}`
      t.match(await world.send(mark, RECIPIENTS), [TAKEN, TAKEN, TAKEN])
      await bothAreDeferred()
      await away()
      await world.dovecot.start()
      await bothAreDeferred()
      t.match(await world.send(`${mark} once more`, RECIPIENTS), [/^4/, /^4/], 'the sender is to come again')
      await back()
      await world.isQuiet()
      t.same(world.mailboxesWith(mark).sort(), ['new old.example/anna', 'old ida@old.example'])
      t.same(world.mailboxesWith(`${mark} once more`), [])
    }
    await waits(
      () => ferry.service.stop(),
      () => ferry.service.start(),
    )
    await waits(
      () => postgres.stop(),
      () => postgres.start(),
    )
  })

  t.test('while the old MX is away, mail for it waits, and other mail does not', async (t) => {
    await world.oldPostfix[Symbol.asyncDispose]()
    const mark = `message ${++mails}`
    t.match(await world.send(mark, ['anna@old.example', 'ida@old.example']), [TAKEN, TAKEN, TAKEN])
    await until(() => world.mailboxesWith(mark).length === 1, 'it is here for who is here')
    await until(
      () => /to=<ida@old\.example>.*status=deferred.* 451 /.test(lastOf(newPostfix.log(), 'ida@')),
      'it waits',
    )
    await world.startOldPostfix()
    await world.isQuiet()
    t.same(world.mailboxesWith(mark).sort(), ['new old.example/anna', 'old ida@old.example'])
  })

  t.test('what arrives at the old server for who is here is handed back', async (t) => {
    t.same((await whereFrom(world.oldPostfix.port, 'carol@old.example')).at, ['new old.example/carol'])
  })

  t.test('nobody sends through this server with a wrong password', async (t) => {
    await using smtp = await Smtp.open(newPostfix.port)
    for (const user of ['anna@old.example', 'ida@old.example']) {
      t.match(await smtp.signIn(user, 'wrong'), /^535 /)
      t.match(await smtp.signIn(user, ''), /^535 /)
    }
    t.match(await smtp.send(['x@elsewhere.example'], 'Subject: relayed\r\n\r\n'), [/^[45]54 .*Relay access denied/])
  })

  t.test('a loop is cut, and the log says so', async (t) => {
    await world.send('in a circle', ['dave@old.example'])
    await until(() => /too many hops/.test(newPostfix.log() + world.oldPostfix.log()), 'the log')
    await world.isQuiet()
    t.same(world.mailboxesWith('in a circle'), [])
  })

  t.test('nothing was bounced but the loop', async (t) => {
    const bounced = newPostfix.log().match(/status=bounced.*/g) ?? []
    t.same(
      bounced.filter((line) => !/too many hops/.test(line)),
      [],
    )
  })
}

function lastOf(log: string, text: string): string {
  return log.split('\n').findLast((line) => line.includes(text)) ?? ''
}
