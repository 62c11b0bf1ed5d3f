import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { snapshot } from '../../../src/engines/doveadm/here.ts'
import type { Place } from '../../../src/engines/doveadm/place.ts'
import type { DestinationMail } from '../../../src/ledger/ports.ts'
import { NotFlipped } from '../../../src/model/not-flipped.ts'

const { PATH } = process.env
const STATUS = 'mailbox\tguid\tuidvalidity\tuidnext\tmessages\nINBOX\tg1\t7\t3\t2\nOther\tg2\t8\t2\t1'
const row = (guid: string, uid: number) => `${guid}\t${uid}\tfile${uid}\t\\Seen\t1600000000\t9`
const FETCHED = [
  'mailbox-guid\tuid\tstorageid\tflags\tdate.received.unixtime\tsize.virtual',
  row('g1', 1),
  row('g1', 2),
]
const WHOLE = [...FETCHED, row('g2', 1)].join('\n')

/** What a doveadm shows in whose place a script stands that answers so, the last one again and again. */
function shown(t: Test, status: readonly Said[], fetched: readonly Said[]) {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-here-'))
  t.teardown(() => {
    process.env.PATH = PATH
    rmSync(folder, { recursive: true })
  })
  for (const [word, said] of Object.entries({ mailbox: status, fetch: fetched })) {
    for (const [at, { text, exitCode = 0 }] of said.entries())
      writeFileSync(join(folder, `${word}.${at + 1}`), `cat <<'E'\n${text}\nE\nexit ${exitCode}\n`)
  }
  const script = `#!/bin/sh
cd ${folder}
for word; do case "$word" in mailbox|fetch) break;; esac; done
echo >>"$word"
n=$(wc -l <"$word")
while [ ! -e "$word.$n" ]; do n=$((n - 1)); done
. "./$word.$n"
`
  writeFileSync(join(folder, 'doveadm'), script)
  chmodSync(join(folder, 'doveadm'), 0o755)
  process.env.PATH = `${folder}:${PATH}`
  const place = { live: 'm-1', mirror: 'm-1-mirror', home: folder, liveConfiguration: '/dev/null', owner: null }
  const tree = { directories: [], titleOf: () => '', subscribed: async () => new Set() }
  const destination = { open: async () => tree } as unknown as DestinationMail
  return {
    taken: snapshot(place as unknown as Place, destination, new AbortController().signal),
    looks: () => readFileSync(join(folder, 'fetch'), 'utf8').length,
  }
}

interface Said {
  readonly text: string
  readonly exitCode?: number
}

t.test('all of a mailbox is seen, also what comes between the two looks', async (t) => {
  const { folders } = await shown(t, [{ text: STATUS }], [{ text: `${WHOLE}\n${row('g2', 2)}` }]).taken
  t.match(folders.get('INBOX'), { uidValidity: 7, uidNext: 3 })
  t.match(
    [...(folders.get('Other')?.messages ?? [])],
    [
      [1, '\\Seen'],
      [2, '\\Seen'],
    ],
  )
  t.equal(folders.get('Other')?.uidNext, 3)
})

t.test('what Dovecot does not show is not taken for gone', async (t) => {
  const short = { text: FETCHED.join('\n') }
  const { taken, looks } = shown(t, [{ text: STATUS }], [short])
  await t.rejects(taken, { constructor: NotFlipped, message: /does not show all .*: Other$/ })
  t.ok(looks() > 1)
  const left = { text: WHOLE, exitCode: 68 }
  await t.rejects(shown(t, [{ text: STATUS }], [left]).taken, { message: /a folder was left out$/ })
  await t.rejects(shown(t, [{ text: STATUS, exitCode: 68 }], [{ text: WHOLE }]).taken, { message: /left out$/ })
  await t.rejects(shown(t, [{ text: STATUS }], [{ text: WHOLE, exitCode: 75 }]).taken, { message: /ended with 75/ })
})

t.test('and what has gone between the two looks is looked at once more', async (t) => {
  const { taken, looks } = shown(t, [{ text: STATUS }], [{ text: FETCHED.join('\n') }, { text: WHOLE }])
  t.equal((await taken).folders.get('Other')?.messages.size, 1)
  t.equal(looks(), 2)
})

t.end()
