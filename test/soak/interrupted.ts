import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { ENGINES, type EngineName } from '../../src/model/provider.ts'
import { DoveadmCopying } from '../support/doveadm-copying.ts'
import { PersonAtWork } from '../support/person-at-work.ts'
import { startRelay } from '../support/relay.ts'
import { seed } from '../support/seed.ts'
import { mountSmallDisk } from '../support/small-disk.ts'

// The long form of what test/e2e/doveadm-killed.test.ts and kill.test.ts tell: both engines are interrupted at random
// moments while the person works on the destination. POSTFERRY_SOAK_ROUNDS: how many times each.

const ROUNDS = Number(process.env.POSTFERRY_SOAK_ROUNDS ?? 100)
const MESSAGES = 150
const FOLDERS = ['INBOX', 'Sent', 'Archive']
/** An attempt on a calm machine takes about so long; later ones tell how long they take here. */
const FIRST_MS = 2_500
const PEOPLE = ENGINES.map((engine) => [`${engine}@old.example`, `secret of ${engine}`] as const)

const folder = mkdtempSync(join(tmpdir(), 'postferry-soak-'))
t.after(() => rmSync(folder, { recursive: true }))
t.setTimeout(3_600_000)

for (const [at, engine] of ENGINES.entries()) {
  t.test(`${engine}: killed, cut off and full at random moments, nothing is lost, twice or undone`, async (t) => {
    const person = PEOPLE[at] as (typeof PEOPLE)[number]
    await using copying = await DoveadmCopying.start({ people: Object.fromEntries(PEOPLE) })
    await using relay = await startRelay(copying.old.port)
    await seed(copying.old.port, person, MESSAGES, FOLDERS)
    await interrupt(t, { copying, relay, person, engine, id: at + 1 })
  })
}

t.test('a disk that is full again and again', async (t) => {
  await using copying = await DoveadmCopying.start({ people: Object.fromEntries(PEOPLE) })
  await using disk = await mountSmallDisk(2_000_000)
  chownSync(disk.folder, copying.new.mailOwner.uid, copying.new.mailOwner.gid)
  const person = PEOPLE[0] as (typeof PEOPLE)[number]
  await seed(copying.old.port, person, MESSAGES, FOLDERS)
  for (const [at, engine] of ENGINES.entries()) {
    const home = join(disk.folder, engine)
    const outcomes = new Set<string | undefined>()
    for (let size = 2_000_000; size < 40_000_000; size += 2_000_000) {
      await disk.resize(size)
      outcomes.add((await copying.run(at + 1, person, { home, engine })).outcome)
    }
    t.ok(outcomes.has('complete'), [...outcomes].join())
  }
})

interface Story {
  readonly copying: DoveadmCopying
  readonly relay: Awaited<ReturnType<typeof startRelay>>
  readonly person: (typeof PEOPLE)[number]
  readonly engine: EngineName
  readonly id: number
}

async function interrupt(t: Test, { copying, relay, person, engine, id }: Story): Promise<void> {
  const her = await PersonAtWork.begin(copying.onNew(id))
  const provider = { port: relay.port }
  let cuts = 0
  let withinMs = FIRST_MS
  for (let round = 0; round < ROUNDS; round++) {
    await seed(copying.old.port, person, 5, ['INBOX'])
    const killedAt = join(folder, `${engine}-${round}`)
    const isKill = round % 3 !== 0
    const later = pause(Math.random() * withinMs).then(() => (isKill ? writeFileSync(killedAt, '') : relay.lose()))
    const began = performance.now()
    const attempt = copying.run(id, person, { engine, provider, ...(isKill && { killedAt }) })
    await her.work(3)
    const { outcome } = await attempt
    if (outcome !== 'complete') cuts++
    else withinMs = performance.now() - began
    await later
    t.same(await her.flaws(), [], `after round ${round}`)
  }
  t.ok(cuts > 0, `${cuts} of ${ROUNDS} were cut off`)
  t.match(await copying.run(id, person, { engine, provider }), { outcome: 'complete' })
  t.match(await copying.run(id, person, { engine, provider }), { outcome: 'complete', messages: 0 })
  t.same(await her.flaws(), [])
  t.equal(await her.count(), 3 * MESSAGES + 5 * ROUNDS + her.balance, 'nothing is lost, and nothing is here twice')
}
