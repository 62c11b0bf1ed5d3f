import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DoveadmCopying } from '../support/doveadm-copying.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { startRelay } from '../support/relay.ts'
import { seed } from '../support/seed.ts'
import { until } from '../support/until.ts'

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const
const MESSAGES = 2_500
/** So many have passed when the old server falls silent. */
const PASSED = 2_000

const copying = await DoveadmCopying.start({ people: Object.fromEntries([ANNA, BEN]) })
t.teardown(() => copying[Symbol.asyncDispose]())

t.test('of a large mailbox messages are here before all are, and at the end each one once', async (t) => {
  await seed(copying.old.port, ANNA, MESSAGES, ['INBOX'])
  let passed = 0
  const relay = await startRelay(copying.old.port, (data) => {
    passed += data.toString('latin1').split('BODY[]').length - 1
    if (passed > PASSED) relay.lose()
    return data
  })
  const first = copying.run(1, ANNA, { provider: { port: relay.port } })
  await until(async () => (await countHere()) >= 1_000, 'a thousand messages, while the old server is silent')
  t.ok((await countHere()) < MESSAGES)
  await relay[Symbol.asyncDispose]()
  t.not((await first).outcome, 'complete')
  t.match(await copying.run(1, ANNA), { outcome: 'complete' })
  t.equal(await countHere(), MESSAGES)
})

t.test('an attempt that fails at these ends when all has ended that it has started', async (t) => {
  await seed(copying.old.port, BEN, PASSED, ['INBOX'])
  // What was merged cannot be noted.
  mkdirSync(join(copying.stateFolder, 'postferry-merged-2.sqlite'))
  const { env } = copying.inPlaceOf('doveadm', 'real "$@"; code=$?; case "$*" in *backup*) sleep 3;; esac; exit $code')
  t.match(await copying.run(2, BEN, { env }), { outcome: 'incomplete', messages: 0, running: 0 })
})

async function countHere(): Promise<number> {
  await using wire = await ImapWire.open(copying.onNew(1))
  const [answer] = await wire.command('STATUS INBOX (MESSAGES)')
  return Number(/MESSAGES (\d+)/.exec(answer?.line ?? '')?.[1])
}

t.end()
