import { chownSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { compareAccounts } from '../support/compare.ts'
import { DoveadmCopying } from '../support/doveadm-copying.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { seed } from '../support/seed.ts'
import { mountSmallDisk } from '../support/small-disk.ts'

const MESSAGES = 60
/** Stays where it is until its process is killed, or for long enough. */
const REST = `touch "$reached"; exec sleep 30`
const FILES = `"$(find "$home" -path '*cur/*' -o -path '*new/*' | wc -l)"`

/** Where an attempt is cut off, and how. */
const MOMENTS: readonly {
  readonly what: string
  readonly program: string
  /** With `home`, that of the person. */
  readonly script: string
  readonly worker: boolean
}[] = [
  {
    what: 'the worker in the first mirror',
    program: 'doveadm',
    script: `case "$*" in *backup*) real "$@" & while [ ${FILES} -lt 20 ]; do sleep 0.01; done; ${REST};; *) real "$@";; esac`,
    worker: true,
  },
  {
    what: 'doveadm in the first mirror',
    program: 'doveadm',
    script: `case "$*" in *backup*) PATH="\${PATH#*:}"; doveadm "$@" & while [ ${FILES} -lt 20 ]; do sleep 0.01; done; kill -9 $!; kill -9 $$;; *) real "$@";; esac`,
    worker: false,
  },
  {
    what: 'the worker after a copy, before its note',
    program: 'sync',
    script: REST,
    worker: true,
  },
  {
    what: 'the worker between two folders',
    program: 'doveadm',
    script: `talk() { while IFS= read -r line; do case "$line" in *COPY*Sent*) ${REST};; *) printf '%s\\n' "$line";; esac; done; }
case "$*" in *' imap '*) talk | real "$@";; *) real "$@";; esac`,
    worker: true,
  },
  {
    what: 'Dovecot at the end of a copy',
    program: 'doveadm',
    script: `hear() { while IFS= read -r line; do case "$line" in *COPYUID*) kill -9 -$$;; *) printf '%s\\n' "$line";; esac; done; }
case "$*" in *' imap '*) real "$@" | hear;; *) real "$@";; esac`,
    worker: false,
  },
]

const FULL = ['full@old.example', 'secret of full'] as const
const people = MOMENTS.map((_, at) => [`person${at}@old.example`, `secret of ${at}`] as const)
const copying = await DoveadmCopying.start({ people: Object.fromEntries([...people, FULL]) })
t.teardown(() => copying[Symbol.asyncDispose]())

for (const [at, moment] of MOMENTS.entries()) {
  t.test(`killed: ${moment.what}; resumed, nothing is lost or twice`, (t) => cutOff(t, at + 1, moment))
}

t.test('a disk that is full is told; with room again everything is there once', async (t) => {
  await using disk = await mountSmallDisk(600_000)
  const { uid, gid } = copying.new.mailOwner
  chownSync(disk.folder, uid, gid)
  await using wire = await ImapWire.open(copying.atSource(FULL))
  const body = (number: number) => Buffer.from(`Subject: ${number}\r\n\r\n${'x'.repeat(50_000)}\r\n`)
  for (let number = 0; number < MESSAGES; number++) await wire.command('APPEND INBOX ', body(number))
  const home = join(disk.folder, 'full')
  const id = MOMENTS.length + 1
  t.match(await copying.run(id, FULL, { home }), { outcome: 'new-full' })
  await disk.resize(20_000_000)
  t.match(await copying.run(id, FULL, { home }), { outcome: 'complete' })
  const files = ['cur', 'new'].flatMap((part) => readdirSync(join(home, 'Maildir', part)))
  t.equal(files.length, MESSAGES)
  t.equal(new Set(files.map((name) => name.split(':')[0])).size, MESSAGES)
})

t.test('what is to be kept free stays free while it copies', async (t) => {
  const { env } = copying.inPlaceOf('doveadm', `case "$*" in *backup*) exec sleep 60;; *) real "$@";; esac`)
  const keptFree = { percent: 100, bytes: 2 ** 60 }
  t.match(await copying.run(99, FULL, { env, keptFree }), { outcome: 'new-full', output: /kept free/ })
})

async function cutOff(t: Test, id: number, { program, script, worker }: (typeof MOMENTS)[number]): Promise<void> {
  const person = people[id - 1] as (typeof people)[number]
  const [old, now] = [copying.atSource(person), copying.onNew(id)]
  await seed(copying.old.port, person, MESSAGES)
  const { env, reached } = copying.inPlaceOf(program, `home='${copying.home(id)}'\nmkdir -p "$home"\n${script}`)
  const cut = await copying.run(id, person, { env, ...(worker && { killedAt: reached }) })
  if (worker) t.equal(cut.signal, 'SIGKILL', JSON.stringify(cut))
  else t.match(cut, { outcome: 'killed' })
  // She goes on meanwhile.
  const kept = await moveFirst(now)
  t.match(await copying.run(id, person), { outcome: 'complete' })
  const { total } = await compareAccounts(old, now)
  t.match(total, { messages: 2 * MESSAGES, missing: kept, altered: 0, dates: 0, flags: 0, extra: 0 })
  t.equal(await countAll(now), 2 * MESSAGES, 'nothing twice')
  t.match(await copying.run(id, person), { outcome: 'complete', messages: 0 })
}

/** Moves a message of the INBOX into a folder of hers, if there is one. */
async function moveFirst(account: Parameters<typeof ImapWire.open>[0]): Promise<number> {
  await using wire = await ImapWire.open(account)
  const opened = await wire.command('SELECT INBOX')
  if (opened.some(({ line }) => line === '* 0 EXISTS')) return 0
  await wire.command('CREATE Kept')
  await wire.command('MOVE 1 Kept')
  return 1
}

async function countAll(account: Parameters<typeof ImapWire.open>[0]): Promise<number> {
  await using wire = await ImapWire.open(account)
  const names = (await wire.command('LIST "" "*"')).flatMap(({ line }) => /"\/" "?([^"]+)"?$/.exec(line)?.[1] ?? [])
  let count = 0
  for (const name of names) {
    const answer = await wire.command(`STATUS "${name}" (MESSAGES)`)
    count += Number(/MESSAGES (\d+)/.exec(answer[0]?.line ?? '')?.[1])
  }
  return count
}

t.end()
