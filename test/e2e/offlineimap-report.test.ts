import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Copying, type CopyingRunSettings } from '../support/copying.ts'
import { seed } from '../support/seed.ts'

const PEOPLE = { anna: 'secret of anna' }
const copying = await Copying.start({ people: PEOPLE })
t.teardown(() => copying[Symbol.asyncDispose]())
await seed(copying.old.port, ['anna', PEOPLE.anna], 3)

/** What the run reports about its first account. */
async function report(id: number, settings: CopyingRunSettings = {}) {
  const { output } = await copying.run([copying.order(id)], settings)
  const line = /postferry: (\{.*\})/.exec(output)?.[1]
  return line === undefined ? output : JSON.parse(line)
}

t.test('a run reports each account in one line of JSON: how much, and whether all', async (t) => {
  await copying.openAll(PEOPLE)
  const all = { account: 'm-1', complete: true, reason: null }
  t.same(await report(1), { ...all, folders: 2, messages: 6 })
  t.same(await report(1), { ...all, folders: 2, messages: 0 })
})

t.test('why a run was not complete is one stable word', async (t) => {
  await copying.openAll({ anna: 'wrong' })
  t.match(await report(1), { complete: false, reason: 'credential-refused' })
  await copying.credentials([{ id: '1', error: 'sealed for another key' }])
  t.match(await report(1), { complete: false, reason: 'credential-unopened' })
  await copying.openAll(PEOPLE)
  await copying.old.stop()
  t.match(await report(1), { complete: false, reason: 'old-unreachable' })
  await copying.old.start()
  await writeFile(join(copying.folder, 'metadata', 'Repository-m-1-old', 'FolderValidity', '.Sent'), '7\n')
  t.match(await report(1), { complete: false, reason: 'old-recreated' })
  const full =
    "\nfrom offlineimap.folder import Maildir\nMaildir.os = type('Full', (), {'__getattr__': lambda s, n: getattr(os, n)})()\ndef fail(*a):\n    raise OSError(28, 'No space left on device')\nMaildir.os.open = fail\n"
  await copying.credentials([{ id: '5', user: 'anna', password: PEOPLE.anna }])
  t.match(await report(5, { appended: full }), { complete: false, reason: 'new-full', messages: 0 })
})

t.test('a run that finds an account locked leaves the lock to its owner', async (t) => {
  const lock = join(copying.folder, 'metadata', 'm-6.lock')
  const hold = `import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(1, flush=True); sys.stdin.read()`
  const holder = spawn('/usr/bin/python3', ['-c', hold, lock], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(process.getuid?.() === 0 && copying.new.mailOwner),
  })
  t.teardown(() => void holder.kill())
  await once(holder.stdout, 'data')
  await copying.credentials([{ id: '6', user: 'anna', password: PEOPLE.anna }])
  t.match(await report(6), { complete: false, reason: 'locked', messages: 0 })
  t.ok(existsSync(lock), 'the next one finds it locked too')
  await report(6, { without: 'run.one_run_an_account' })
  t.notOk(existsSync(lock), 'stock OfflineIMAP takes it away')
})

t.end()
