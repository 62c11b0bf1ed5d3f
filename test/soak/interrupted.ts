import { chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { ENGINES, type EngineName } from '../../src/model/provider.ts'
import { bothDebians } from '../support/debian.ts'
import { DoveadmCopying } from '../support/doveadm-copying.ts'
import { PersonAtWork } from '../support/person-at-work.ts'
import { startRelay } from '../support/relay.ts'
import { seed } from '../support/seed.ts'
import { mountSmallDisk } from '../support/small-disk.ts'
import { until } from '../support/until.ts'

// The long form of what test/e2e/doveadm-killed.test.ts and kill.test.ts tell: attempts are interrupted at random moments
// while the person works on the destination. POSTFERRY_SOAK_HOW=killed|cut|full, POSTFERRY_SOAK_ENGINE and
// POSTFERRY_SOAK_DOVECOT=2.3|2.4 choose; POSTFERRY_SOAK_TIMES: how many attempts of each are interrupted
// (a silent line costs a time limit).

const { POSTFERRY_SOAK_HOW, POSTFERRY_SOAK_ENGINE, POSTFERRY_SOAK_DOVECOT, POSTFERRY_SOAK_TIMES } = process.env
const TIMES = Number(POSTFERRY_SOAK_TIMES ?? 25)
const MESSAGES = 150
const FOLDERS = ['INBOX', 'Sent', 'Archive']
/** An attempt on a calm machine takes about so long at most; later ones tell how long they take here. */
const MOST_MS = 2_500
/** So long it is connected to the old server, of that. */
const CONNECTED_MS = 400
/** An attempt needs about so much disk. */
const WHOLE_DISK = 4_000_000
const PERSON = ['she@old.example', 'secret of hers'] as const

const folder = mkdtempSync(join(tmpdir(), 'postferry-soak-'))
t.after(() => rmSync(folder, { recursive: true }))
t.setTimeout(7_200_000)

const isWanted = (wanted: string | undefined, one: string) => wanted === undefined || wanted === one

for (const debian of bothDebians().filter(({ dovecot }) => isWanted(POSTFERRY_SOAK_DOVECOT, dovecot))) {
  for (const engine of ENGINES.filter((engine) => isWanted(POSTFERRY_SOAK_ENGINE, engine))) {
    for (const [how, story] of [
      ['killed', interrupted(true)],
      ['cut', interrupted(false)],
      ['full', full],
    ] as const) {
      if (!isWanted(POSTFERRY_SOAK_HOW, how)) continue
      t.test(
        `${engine} to a Dovecot ${debian.dovecot}, ${how} at random moments: nothing is lost, twice or undone`,
        async (t) => {
          await using copying = await DoveadmCopying.start({ people: Object.fromEntries([PERSON]) }, debian)
          await seed(copying.old.port, PERSON, MESSAGES, FOLDERS)
          await story(t, copying, engine)
        },
      )
    }
  }
}

t.end()

/** Killed, the worker and what it has started in turns; or cut off, the line silent or closed in turns. */
function interrupted(isKilled: boolean) {
  return async (t: Test, copying: DoveadmCopying, engine: EngineName): Promise<void> => {
    await using relay = await startRelay(copying.old.port)
    const her = await PersonAtWork.begin(copying.onNew(1))
    const provider = { port: relay.port }
    let interrupted = 0
    let withinMs = MOST_MS
    let round = 0
    for (; interrupted < TIMES; round++) {
      await seed(copying.old.port, PERSON, 5, ['INBOX'])
      const killedAt = join(folder, `${engine}-${copying.debian.dovecot}-${round}`)
      const isOdd = round % 2 === 1
      const interrupt = () => (isKilled ? writeFileSync(killedAt, '') : isOdd ? relay.lose() : relay.cut())
      const before = relay.connections()
      const begun = isKilled ? undefined : until(() => relay.connections() > before, 'a connection')
      const later = Promise.resolve(begun)
        .then(() => pause(Math.random() * (isKilled ? withinMs : CONNECTED_MS)))
        .then(() => interrupt() ?? 0)
      const began = performance.now()
      const attempt = copying.run(1, PERSON, { engine, provider, ...(isKilled && { killedAt, isEngineKilled: isOdd }) })
      await her.work(3)
      const { outcome } = await attempt
      // With a new line it may have gone on.
      if ((await later) > 0 || outcome !== 'complete') interrupted++
      else withinMs = Math.min(MOST_MS, performance.now() - began)
      t.same(await her.flaws(), [], `after round ${round}`)
    }
    t.comment(`${interrupted} of ${round} attempts were interrupted`)
    await endsWell(t, copying, engine, { added: 5 * round + her.balance, provider })
    t.same(await her.flaws(), [])
  }
}

/** The disk of her home is full again and again, at another point each time. */
async function full(t: Test, copying: DoveadmCopying, engine: EngineName): Promise<void> {
  await using disk = await mountSmallDisk(WHOLE_DISK)
  chownSync(disk.folder, copying.new.mailOwner.uid, copying.new.mailOwner.gid)
  let refused = 0
  for (let round = 0; round < 2 * TIMES; round++) {
    const home = join(disk.folder, `${round}`)
    await disk.resize(Math.round((WHOLE_DISK * (round + 0.5)) / (2 * TIMES)))
    const { outcome } = await copying.run(round + 2, PERSON, { home, engine })
    if (outcome !== 'complete') refused++
    await disk.resize(20 * WHOLE_DISK)
    t.match(await copying.run(round + 2, PERSON, { home, engine }), { outcome: 'complete' }, `after round ${round}`)
    t.match(await copying.run(round + 2, PERSON, { home, engine }), { outcome: 'complete', messages: 0 })
    t.equal(messagesIn(home), FOLDERS.length * MESSAGES)
    rmSync(home, { recursive: true })
  }
  t.comment(`${refused} of ${2 * TIMES} attempts found the disk full`)
  t.ok(refused > TIMES / 2)
}

async function endsWell(
  t: Test,
  copying: DoveadmCopying,
  engine: EngineName,
  { added, provider }: { added: number; provider: { port: number } },
): Promise<void> {
  t.match(await copying.run(1, PERSON, { engine, provider }), { outcome: 'complete' })
  t.match(await copying.run(1, PERSON, { engine, provider }), { outcome: 'complete', messages: 0 })
  t.equal(messagesIn(copying.home(1)), FOLDERS.length * MESSAGES + added, 'nothing is lost, and nothing is here twice')
}

function messagesIn(home: string): number {
  const files = readdirSync(join(home, 'Maildir'), { recursive: true, encoding: 'utf8' })
  return files.filter((file) => /(^|\/)(cur|new)\/[^/]+$/.test(file)).length
}
