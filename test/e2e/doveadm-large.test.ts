import { createHash } from 'node:crypto'
import { chownSync, existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { compareAccounts } from '../support/compare.ts'
import { bothDebians } from '../support/debian.ts'
import { DoveadmCopying } from '../support/doveadm-copying.ts'
import { type ImapAccount, ImapWire } from '../support/imap-wire.ts'
import { everythingOf } from '../support/mailbox-state.ts'
import { startRelay } from '../support/relay.ts'
import { seed } from '../support/seed.ts'
import { mountSmallDisk } from '../support/small-disk.ts'
import { until } from '../support/until.ts'

// Messages that doveadm is given stand-ins for.

const LARGE_BYTES = 10_200_000
/** doveadm needs 60 MB for itself, and three times what a message has that it reads. */
const MEMORY_KB = 140_000
const HUGE_BYTES = 45_000_000

const LINE = `${'A'.repeat(76)}\r\n`
const lines = (bytes: number) => LINE.repeat(Math.ceil(bytes / LINE.length))

const LARGE: Readonly<Record<string, string>> = {
  multipart: `Subject: large\r\nMessage-ID: <large@old.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n${lines(LARGE_BYTES)}--b--\r\n`,
  'one line, without an end': `Subject: one line\r\n\r\n${'x'.repeat(LARGE_BYTES)}`,
  'all header': `Subject: header\r\n${`X-Line: ${'y'.repeat(900)}\r\n`.repeat(LARGE_BYTES / 900)}\r\n`,
  'no header': `\r\n${lines(LARGE_BYTES)}`,
}

/** The first merge begins when all is in the mirror, and then it waits before it copies. */
const AFTER_THE_MIRROR = `waitFor() { while ! test -e "$1"; do sleep 0.1; done; }
talk() { while IFS= read -r line; do case "$line" in *COPY*) touch "$reached.copies"; waitFor "$reached";; esac; printf '%s\\n' "$line"; done; }
case "$*" in
  *backup*) real "$@"; code=$?; touch "$reached.mirrored"; exit $code;;
  *' imap '*) waitFor "$reached.mirrored"; talk | real "$@";;
  *) real "$@";;
esac`
/** Whoever took the mirror for free by now would have changed it. */
const MOMENT_MS = 500

const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const
const BEN = ['ben@old.example', 'secret of ben'] as const
const people = Object.fromEntries([ANNA, BEN])

async function append(account: ImapAccount, folder: string, flags: string, message: string): Promise<void> {
  await using wire = await ImapWire.open(account)
  await wire.command(`APPEND ${folder} (${flags}) "01-Mar-2021 10:20:30 +0100" `, Buffer.from(message))
}

async function digested(account: ImapAccount): Promise<unknown> {
  const text = JSON.stringify(await everythingOf(account))
  return JSON.parse(text, (_, value) =>
    typeof value === 'string' && value.length > 1_000 ? createHash('sha256').update(value).digest('hex') : value,
  )
}

for (const debian of bothDebians()) {
  t.test(`to a Dovecot ${debian.dovecot}, which holds no large message in memory`, async (t) => {
    await using copying = await DoveadmCopying.start({ people }, debian)
    const anna = copying.atSource(ANNA)
    await seed(copying.old.port, ANNA, 3, ['INBOX', 'Sent'])
    for (const message of Object.values(LARGE)) await append(anna, 'INBOX', '\\Seen hers', message)
    await append(anna, 'Sent', '', `Subject: huge\r\n\r\n${lines(HUGE_BYTES)}`)
    await seed(copying.old.port, ANNA, 3, ['INBOX'])
    const { env } = copying.inPlaceOf('doveadm', `case "$*" in *backup*) ulimit -v ${MEMORY_KB};; esac; real "$@"`)
    const count = 9 + Object.keys(LARGE).length + 1

    const first = await copying.run(1, ANNA, { env, isCompared: true })
    t.match(first, { outcome: 'complete', messages: count, ledger: 'clean' })
    t.match(await compareAccounts(anna, copying.onNew(1)), { complete: true, total: { extra: 0 } })
    let passed = 0
    await using relay = await startRelay(copying.old.port, (data) => {
      passed += data.length
      return data
    })
    await append(anna, 'Sent', '\\Flagged', 'Subject: small\r\n\r\nsmall\r\n')
    const provider = { port: relay.port }
    t.match(await copying.run(1, ANNA, { provider, isCompared: true }), { messages: 1, ledger: 'clean' })
    t.ok(passed < LARGE_BYTES, 'the mirror has them, and they are not fetched again')

    t.match(await copying.run(2, ANNA, { env, isMirrored: true }), { outcome: 'complete' })
    renameSync(join(copying.home(2), '.postferry/mirror/Maildir'), join(copying.home(2), 'Maildir'))
    t.same(
      await digested(copying.onNew(2)),
      await digested(anna),
      'the mirror is what the old server has, number by number',
    )
  })

  t.test(`killed, or failing, while what is large is put into the mirror of a Dovecot ${debian.dovecot}`, async (t) => {
    await using copying = await DoveadmCopying.start({ people }, debian)
    const anna = copying.atSource(ANNA)
    await seed(copying.old.port, ANNA, 1, ['INBOX'])
    for (const message of Object.values(LARGE).slice(0, 2)) await append(anna, 'INBOX', '\\Answered', message)
    const { env, reached } = copying.inPlaceOf('sed', 'touch "$reached"; exec sleep 30')
    t.match(await copying.run(1, ANNA, { env, killedAt: reached }), { signal: 'SIGKILL' })
    t.match(await copying.run(1, ANNA, { isCompared: true }), { outcome: 'complete', ledger: 'clean' })
    t.match(await compareAccounts(anna, copying.onNew(1)), { complete: true, total: { extra: 0 } })
    const failing = copying.inPlaceOf('tail', 'exit 5').env
    t.match(await copying.run(2, ANNA, { env: failing }), { outcome: 'incomplete', output: /large message/ })
    t.match(await copying.run(2, ANNA, { isCompared: true }), { outcome: 'complete', ledger: 'clean' })
  })
}

t.test('cut off, or without room, while a large message comes: it is here once when it could come', async (t) => {
  await using copying = await DoveadmCopying.start({ people })
  await using disk = await mountSmallDisk(LARGE_BYTES / 2)
  const { uid, gid } = copying.new.mailOwner
  chownSync(disk.folder, uid, gid)
  await seed(copying.old.port, ANNA, 2, ['INBOX'])
  await append(copying.atSource(ANNA), 'INBOX', '', LARGE.multipart ?? '')
  const home = join(disk.folder, 'anna')
  t.match(await copying.run(1, ANNA, { home }), { outcome: 'new-full' })
  await disk.resize(4 * LARGE_BYTES)
  let passed = 0
  const relay = await startRelay(copying.old.port, (data) => {
    passed += data.length
    if (passed > LARGE_BYTES / 2) relay.cut()
    return data
  })
  t.not((await copying.run(1, ANNA, { home, provider: { port: relay.port } })).outcome, 'complete')
  await relay[Symbol.asyncDispose]()
  t.match(await copying.run(1, ANNA, { home, isCompared: true }), { outcome: 'complete', ledger: 'clean', messages: 3 })
})

t.test('nobody sees a stand-in, and none is replaced, while the first merge is at work', async (t) => {
  await using copying = await DoveadmCopying.start({ people })
  await append(copying.atSource(BEN), 'INBOX', '', LARGE.multipart ?? '')
  await seed(copying.old.port, BEN, 1_700, ['INBOX'])
  const { env, reached } = copying.inPlaceOf('doveadm', AFTER_THE_MIRROR)
  const attempt = copying.run(1, BEN, { env })
  await until(() => existsSync(`${reached}.copies`), 'the first merge')
  await pause(MOMENT_MS)
  t.ok(existsSync(join(copying.home(1), '.postferry/mirror/large')))
  writeFileSync(reached, '')
  t.match(await attempt, { outcome: 'complete', messages: 1_701 })
  t.notOk(existsSync(join(copying.home(1), '.postferry/mirror/large')))
  t.match(await compareAccounts(copying.atSource(BEN), copying.onNew(1)), { complete: true, total: { extra: 0 } })
})

t.end()
