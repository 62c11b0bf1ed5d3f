import t from 'tap'
import { type Ferry, mustRun, rows, startFerry } from '../support/ferry.ts'

// An old server that knows several passwords of one person: the one of the account, and one for another device.

const ANNA = 'anna@old.example'
const DEVICE = 'of-the-phone'
const APP_PASSWORDS = `passdb {\n  driver = static\n  args = password=${DEVICE}\n}`
// Each sign-in is decided anew.
const FORGETFUL = { POSTFERRY_CACHE_SECONDS: '0' }

let ferry: Ferry
t.before(async () => {
  ferry = await startFerry({ [ANNA]: 'of the laptop' }, FORGETFUL, { configuration: APP_PASSWORDS })
})
t.after(() => ferry[Symbol.asyncDispose]())

const verdictOn = async (password: string) => {
  const { body } = await ferry.service.passdb(ANNA, password)
  return body.code ?? body.verdict
}
/** How often the source is asked meanwhile. */
const questionsOf = async (work: () => Promise<void>) => {
  const before = await ferry.old.loginCount()
  await work()
  return (await ferry.old.loginCount()) - before
}

t.test('two devices that take turns are both in, and the source is asked about each of them once more', async (t) => {
  t.equal(await verdictOn('of the laptop'), 'ok')
  const asked = await questionsOf(async () => {
    for (let job = 0; job < 10; job++) {
      t.equal(await verdictOn(DEVICE), 'ok')
      t.equal(await verdictOn('of the laptop'), 'ok')
    }
  })
  t.equal(asked, 2)
  const { audit } = await rows(ferry.service, 'migration', 'show', ANNA)
  t.same(
    audit.map(({ action }: { action: string }) => action),
    ['migration.renew', 'migration.provision'],
  )
})

t.test('with the source away both are in', async (t) => {
  await ferry.old.stop()
  for (const password of ['of the laptop', DEVICE]) t.equal(await verdictOn(password), 'ok')
  t.equal(await verdictOn('another one'), 'old-unreachable')
  await ferry.old.start()
})

t.test('a password that was changed because it was stolen is wrong at once; the other device stays in', async (t) => {
  await ferry.old.setPassword(ANNA, 'changed')
  t.equal(await verdictOn('changed'), 'ok')
  t.equal(await verdictOn('of the laptop'), 'mismatch')
  t.equal(await verdictOn(DEVICE), 'ok')
  await ferry.old.stop()
  t.equal(await verdictOn('of the laptop'), 'mismatch', 'just refused')
  t.equal(await verdictOn(DEVICE), 'ok')
  await ferry.old.start()
})

t.test('a finished migration keeps both, and a password of the destination’s own none', async (t) => {
  await mustRun(ferry.service, 'migration', 'finish', ANNA, '--force')
  const asked = await questionsOf(async () => {
    for (const password of ['changed', DEVICE]) t.equal(await verdictOn(password), 'ok')
  })
  t.equal(asked, 0)
  t.match(await ferry.service.run(['account', 'passwd', ANNA], 'of the destination\n'), { exitCode: 0 })
  for (const password of ['changed', DEVICE]) t.equal(await verdictOn(password), 'mismatch')
  t.equal(await verdictOn('of the destination'), 'ok')
})

t.end()
