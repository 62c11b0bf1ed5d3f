import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type DebianPostgres, startDebianPostgres } from '../support/debian-postgres.ts'
import { type Ferry, mustRun, startFerry } from '../support/ferry.ts'
import { type Answer, post, type RunningService, startService } from '../support/service.ts'
import { until } from '../support/until.ts'

// What is tried here in vain is no guessing, and whatever is asked is decided.
const PATIENT = {
  POSTFERRY_LIMIT_PERSON: '0',
  POSTFERRY_LIMIT_CLIENT: '0',
  POSTFERRY_LIMIT_PROVIDER: '0',
  POSTFERRY_REFUSAL_MEMORY_SECONDS: '0',
}
const PERSON_LIMIT = 3
const CLIENT_LIMIT = 5
const PEOPLE = Array.from({ length: 12 }, (_, number) => `person${number}@old.example`)
const OK = { status: 200, body: { verdict: 'ok' } }
const MISMATCH = { status: 401, body: { verdict: 'mismatch' } }
const THROTTLED = { status: 503, body: { verdict: 'tempfail', code: 'throttled' } }

let postgres: DebianPostgres
let ferry: Ferry
let instances: readonly [RunningService, RunningService]
let shared: NodeJS.ProcessEnv
t.before(async () => {
  postgres = await startDebianPostgres()
  const people = Object.fromEntries(PEOPLE.map((person) => [person, 'first']))
  ferry = await startFerry(people, { DATABASE_URL: postgres.url, ...PATIENT })
  const recipient = readFileSync(join(ferry.service.dataDir, 'recipients'), 'utf8').trim()
  shared = { DATABASE_URL: postgres.url, POSTFERRY_RECIPIENTS: recipient }
  instances = [ferry.service, await startService({ ...shared, ...PATIENT })]
})
t.after(async () => {
  await instances[1][Symbol.asyncDispose]()
  await ferry[Symbol.asyncDispose]()
  await postgres[Symbol.asyncDispose]()
})

function newcomer(): string {
  return PEOPLE.pop() ?? 'nobody'
}

/** Signs in at every instance. */
function everywhere(person: string, password: string): Promise<Answer[]> {
  return Promise.all(instances.map((instance) => decided(instance, person, password)))
}

/** A busy machine may say "try again": it has not said yes or no. */
async function decided(instance: RunningService, person: string, password: string): Promise<Answer> {
  return await until(async () => {
    const answer = await instance.passdb(person, password)
    const isBusy = answer.status === 503 && answer.body.code !== 'throttled'
    return !isBusy && answer
  }, 'an answer')
}

async function answersAre(t: Test, person: string, password: string, expected: object, what: string): Promise<void> {
  for (const answer of await everywhere(person, password)) t.match(answer, expected, what)
}

/** Signs in twice everywhere, so that whoever remembers does. */
async function remembered(t: Test, person: string, password: string): Promise<void> {
  for (let time = 0; time < 2; time++) await answersAre(t, person, password, OK, 'before')
}

/** The change is told to the other instances at once, but not before it is done. */
async function becomes(t: Test, person: string, password: string, expected: { status: number }): Promise<void> {
  const { status } = expected
  await until(
    async () => (await everywhere(person, password)).every((answer) => answer.status === status),
    `${person} gets ${status} everywhere`,
  )
  await answersAre(t, person, password, expected, 'and then for good')
}

/** What opens the account at the source, as the copying host gets it. */
async function credentialOf(person: string): Promise<{ user: string; password: string }> {
  const { id } = JSON.parse(await mustRun(ferry.service, 'migration', 'show', person, '--json'))
  return JSON.parse((await ferry.service.run(['credential', 'open'], `${id}\n`)).stdout)
}

t.test('a password that was changed at the source is the one that counts, and the only one, everywhere', async (t) => {
  const anna = newcomer()
  await remembered(t, anna, 'first')
  await ferry.old.setPassword(anna, 'second')
  t.match(await instances[0].passdb(anna, 'second'), OK)
  await becomes(t, anna, 'first', MISMATCH)
  const asked = await ferry.old.loginCount()
  await answersAre(t, anna, 'second', OK, 'the new one')
  t.equal(await ferry.old.loginCount(), asked, 'which every instance knows by then without the source')
  t.match(await credentialOf(anna), { password: 'first' }, 'nobody knows yet that it opens nothing any more')
  await postgres.query(`update migration set state = 'failed', code = 'credential-refused' where address = '${anna}'`)
  await until(async () => {
    await answersAre(t, anna, 'second', OK, 'as before')
    return (await credentialOf(anna)).password === 'second'
  }, 'the next sign-in brings another')
})

t.test('a new password that comes to both instances at the same moment is right at both', async (t) => {
  const anna = newcomer()
  await answersAre(t, anna, 'first', OK, 'a first sign-in at both')
  await ferry.old.setPassword(anna, 'second')
  await answersAre(t, anna, 'second', OK, 'the new one')
  await becomes(t, anna, 'first', MISMATCH)
})

t.test(
  'once a password was set on the destination, the source’s is wrong everywhere, whatever the source says',
  async (t) => {
    const anna = newcomer()
    await remembered(t, anna, 'first')
    t.match(await ferry.service.run(['account', 'passwd', anna], 'of the destination\n'), { exitCode: 0 })
    const asked = await ferry.old.loginCount()
    await becomes(t, anna, 'first', MISMATCH)
    await answersAre(t, anna, 'of the destination', OK, 'the new one')
    await ferry.old.setPassword(anna, 'second')
    await answersAre(t, anna, 'second', MISMATCH, 'a newer one of the source')
    t.equal(await ferry.old.loginCount(), asked, 'the source is not asked')
    await answersAre(t, anna, 'of the destination', OK, 'still')
  },
)

t.test('whoever is disabled is disabled everywhere, until enabled', async (t) => {
  const anna = newcomer()
  await remembered(t, anna, 'first')
  await mustRun(ferry.service, 'account', 'disable', anna)
  await becomes(t, anna, 'first', { status: 403 })
  await answersAre(t, anna, 'first', { body: { verdict: 'disabled' } }, 'disabled')
  await answersAre(t, anna, 'wrong', MISMATCH, 'which only the right password learns')
  await mustRun(ferry.service, 'account', 'enable', anna)
  await answersAre(t, anna, 'first', OK, 'enabled')
})

t.test('a finished migration leaves the password as it is, and the source unasked', async (t) => {
  const anna = newcomer()
  await remembered(t, anna, 'first')
  await mustRun(ferry.service, 'migration', 'finish', anna, '--force')
  await ferry.old.setPassword(anna, 'second')
  const asked = await ferry.old.loginCount()
  await answersAre(t, anna, 'first', OK, 'its own')
  await answersAre(t, anna, 'second', MISMATCH, 'a newer one of the source')
  t.equal(await ferry.old.loginCount(), asked)
  t.equal(
    (await postgres.query("select from credential join migration on id = migration_id where state = 'done'")).rowCount,
    0,
  )
})

t.test('what fails at one instance counts at the other, and never against who has the right password', async (t) => {
  const limits = { POSTFERRY_LIMIT_PERSON: String(PERSON_LIMIT), POSTFERRY_LIMIT_CLIENT: String(CLIENT_LIMIT) }
  await using one = await startService({ ...shared, ...limits })
  await using other = await startService({ ...shared, ...limits })
  const ask = (instance: RunningService, username: string, password: string, real_rip: string) =>
    post(instance.socket, '/v1/passdb', { username, password, real_rip })
  const [known, changed, guessed, free] = [newcomer(), newcomer(), newcomer(), newcomer()]
  for (const person of [known, changed]) t.match(await other.passdb(person, 'first'), OK)
  await ferry.old.setPassword(changed, 'second')

  const guesses = [known, changed, guessed].flatMap((person) =>
    Array.from({ length: PERSON_LIMIT }, (_, number) => one.passdb(person, `guess ${number}`)),
  )
  for (const answer of await Promise.all(guesses)) t.match(answer, MISMATCH)
  const asked = await ferry.old.loginCount()
  t.match(await other.passdb(known, 'another guess'), THROTTLED)
  t.match(await other.passdb(known, 'first'), OK, 'the right one is known here')
  t.match(await other.passdb(changed, 'second'), THROTTLED, 'this one only the source knows')
  t.match(await other.passdb(guessed, 'first'), THROTTLED, 'as this one')
  t.equal(await ferry.old.loginCount(), asked, 'the source is spared')

  const strangers = Array.from({ length: CLIENT_LIMIT }, (_, number) =>
    ask(one, `stranger${number}@old.example`, 'guess', `2001:db8::${number}`),
  )
  for (const answer of await Promise.all(strangers)) t.match(answer, MISMATCH)
  t.match(await ask(other, free, 'first', '2001:db8::ffff'), THROTTLED, 'the same network')
  t.match(await ask(other, free, 'first', '2001:db8:0:1::'), OK, 'another one')
})

t.end()
