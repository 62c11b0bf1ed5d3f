import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { certificates } from '../support/certificates.ts'
import { startNew } from '../support/destination.ts'
import { type Ferry, mustRun, rows, startFerry } from '../support/ferry.ts'
import { addAdministrators, OWNER } from '../support/panel.ts'
import { signIn } from '../support/sign-in.ts'
import { type Source, startSource } from '../support/source-server.ts'
import { Visitor } from '../support/visitor.ts'

// renamed.example of one old server and second.example of another become new.example.

const FIRST = { 'anna@renamed.example': 'anna of the first', 'bert@renamed.example': 'bert of the first' }
const SECOND = {
  'anna@second.example': 'anna of the second',
  'carl.c': 'carl of the second',
  'dora@second.example': 'dora of the second',
}

let ferry: Ferry
let second: Source
let run: (...args: string[]) => Promise<string>
let homes: string
t.before(async () => {
  homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
  chmodSync(homes, 0o711)
  second = await startSource({ people: SECOND, tls: (await certificates()).server })
  ferry = await startFerry(FIRST, { POSTFERRY_HOME: `${homes}/mail/%d/%n` })
  run = (...args) => mustRun(ferry.service, ...args)
  await run('provider', 'add', 'second', '--host', 'localhost', '--port', `${second.tlsPort}`, '--ca-file', second.ca)
})
t.after(async () => {
  await ferry[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
  rmSync(homes, { recursive: true })
})

const verdictOn = async (username: string, password: string) => {
  const { body } = await ferry.service.passdb(username, password)
  return body.code ?? body.verdict
}

t.test('a guess at a domain that is added later is no refusal of what is right then', async (t) => {
  t.equal(await verdictOn('dora@second.example', 'dora of the second'), 'mismatch')
  const said = await run('domain', 'add', 'second.example', '--provider', 'second', '--new-domain', 'new.example')
  t.match(said, /renamed\.example and second\.example become new\.example together.*the first to come gets the address/)
  t.equal(await verdictOn('dora@second.example', 'dora of the second'), 'ok')
})

t.test('everybody is let in by the address that they were told, wherever they come from', async (t) => {
  const file = join(ferry.service.dataDir, 'people.csv')
  writeFileSync(file, 'address,old_username\ncarl@second.example,carl.c\n')
  await run('import', file)
  const { url, token } = ferry.service
  await using dovecot = await startNew({ passdb: 'lua', url, token, homeRoot: join(homes, 'mail') })
  const enter = (user: string, password: string) => signIn(dovecot.port, user, password)
  t.match(await enter('carl@new.example', 'carl of the second'), /^OK /, 'awaited')
  t.match(await enter('bert@new.example', 'bert of the first'), /^OK /, 'unknown')
  t.match(await enter('anna@new.example', 'anna of the second'), /^OK /, 'a name that is in both')
  t.match(await enter('anna@new.example', 'wrong'), /^NO \[AUTHENTICATIONFAILED\]/, 'a wrong password')
  t.match(await enter('anna@renamed.example', 'anna of the first'), /^NO \[UNAVAILABLE\]/, 'the other one of that name')
  t.match(await enter('anna@new.example', 'anna of the first'), /^NO \[UNAVAILABLE\]/, 'by the new address, too')
  t.match(await enter('anna@new.example', 'anna of the second'), /^OK /, 'who keeps nobody out')
})

t.test('who wants what somebody else has is shown by name everywhere, until it is over', async (t) => {
  const { collisions } = await rows(ferry.service, 'report')
  t.match(collisions, [
    {
      ...{ address: 'anna@new.example', provider: 'old', old_username: 'anna@renamed.example' },
      ...{ what: 'address', whose: 'anna@second.example' },
    },
  ])
  t.equal(collisions.length, 1)
  t.match(
    await run('report'),
    /anna@renamed\.example of old would be anna@new\.example, which is anna@second\.example's/,
  )
  const findings = await ferry.service.run(['doctor', '--json'])
  t.match(
    JSON.parse(findings.stdout).filter(({ check }: { check: string }) => check === 'collision'),
    [{ result: 'fail', found: /anna@renamed\.example/, remedy: /rename one of the two/ }],
  )
  t.same((await rows(ferry.service, 'report', '--provider', 'second')).collisions, [])
  await addAdministrators(ferry.service, OWNER)
  const owner = await Visitor.signedIn(ferry.service.url, OWNER)
  const { text } = await owner.get('/admin')
  t.match(text, /anna@renamed\.example of old would be anna@new\.example, which is anna@second\.example/)
  await run('migration', 'finish', 'bert@new.example', '--force')
  await run('domain', 'remove', 'renamed.example')
  t.same((await rows(ferry.service, 'report')).collisions, [])
})

t.test(
  'while one old server is away, only whom the other one knows is let in, and nobody is called wrong',
  async (t) => {
    await run('domain', 'add', 'renamed.example', '--provider', 'old', '--new-domain', 'new.example')
    await ferry.old.setPassword('emil@renamed.example', 'emil of the first')
    await second.setPassword('fritz@second.example', 'fritz of the second')
    await second.stop()
    t.equal(await verdictOn('emil@new.example', 'emil of the first'), 'ok')
    t.equal(await verdictOn('fritz@new.example', 'fritz of the second'), 'old-unreachable')
    await second.start()
    t.equal(await verdictOn('fritz@new.example', 'fritz of the second'), 'ok')
  },
)

t.end()
