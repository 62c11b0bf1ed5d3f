import { chown, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PROVIDER } from '../support/provider.ts'
import { runProgram } from '../support/service.ts'
import { type Source, startSource } from '../support/source-server.ts'

const BODY = 'A line of a message that is like most others, more or less.\n'.repeat(270)
const MEGABYTE = 1024 * 1024
const [FEW, MANY] = [1_000, 10_000]

/** The same messages in a Maildir, with one date. */
async function fill(maildir: string, count: number, owner: { uid: number; gid: number }): Promise<void> {
  for (const folder of [maildir, ...['cur', 'new', 'tmp'].map((part) => join(maildir, part))]) {
    await mkdir(folder, { recursive: true })
    await chown(folder, owner.uid, owner.gid)
  }
  for (let number = 1; number <= count; number++) {
    const file = join(maildir, 'cur', `1.${number}.vm:2,S`)
    await writeFile(file, `Message-ID: <${number}@old.example>\nSubject: ${number}\n\n${BODY}`)
    await chown(file, owner.uid, owner.gid)
    await utimes(file, number, number)
  }
}

const IDS = { few: '1', many: '2' }

async function verifyOnce(old: Source, folder: string, username: keyof typeof IDS, home: string = username) {
  const provider = { ...PROVIDER, port: old.port }
  const whose = { migrationId: IDS[username], username, password: 'x' }
  const order = { ...whose, home: join(folder, home), metadata: join(folder, 'metadata'), provider }
  const program = join(import.meta.dirname, '../support/verify-once.ts')
  const { stdout, stderr } = await runProgram(process.execPath, [program], {
    ...process.env,
    ORDER: JSON.stringify(order),
  })
  if (stderr !== '') throw new Error(stderr)
  return JSON.parse(stdout)
}

t.test('ten thousand messages are proved in the memory of one thousand', async (t) => {
  await using old = await startSource({ people: { few: 'x', many: 'x' } })
  const folder = await mkdtemp(join(tmpdir(), 'postferry-memory-'))
  t.teardown(() => rm(folder, { recursive: true }))
  for (const [user, count] of [
    ['few', FEW],
    ['many', MANY],
  ] as const) {
    await fill(join(old.home(user), 'mail'), count, old.mailOwner)
    await fill(join(folder, user, 'Maildir'), count, old.mailOwner)
  }
  const few = await verifyOnce(old, folder, 'few')
  const many = await verifyOnce(old, folder, 'many')
  t.match(few, { code: null, proved: FEW })
  t.match(many, { code: null, proved: MANY, fetched: MANY })
  const growth = (many.maxRSS - few.maxRSS) / MEGABYTE
  const bodies = ((MANY - FEW) * BODY.length) / MEGABYTE
  t.comment(`${many.seconds} s, ${many.cpuSeconds} s of CPU, ${growth} MB more for ${bodies} MB`)
  // Whoever kept the messages of one side would need more.
  t.ok(growth < bodies, `${growth} MB more for ${bodies} MB of messages`)
  const again = await verifyOnce(old, folder, 'many')
  t.match(again, { code: null, fetched: 0 })
  t.comment(`again: ${again.seconds} s, ${again.cpuSeconds} s of CPU`)
  const absent = await verifyOnce(old, folder, 'many', 'nowhere')
  t.match(absent, { code: 'differs', fetched: 0, faults: MANY, listed: 1_000 }, 'all are counted, the first are listed')
})
