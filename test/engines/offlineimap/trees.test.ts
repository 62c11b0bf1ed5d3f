import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { offlineImap } from '../../../src/engines/offlineimap/engine.ts'
import { bothDebians, type Debian } from '../../support/debian.ts'
import { PROVIDER } from '../../support/provider.ts'

const PATH = process.env.PATH
const CREDENTIAL = { address: 'anna@old.example', username: 'anna', password: 'secret', provider: 'old' }
const REFUSED = 'the repairs are made for OfflineIMAP of Debian 12 and Debian 13:'

/** What the engine says where `offlineimap` is this program of a Debian: to doctor, and about a run. */
async function engineWith(t: Test, { enter }: Debian, program: string, folder = t.testdir()) {
  for (const each of ['bin', 'metadata']) await mkdir(join(folder, each))
  const launcher = join(folder, 'bin', 'offlineimap')
  await writeFile(launcher, `#!/bin/sh\nexec ${enter.join(' ')} ${program} "$@"\n`)
  await chmod(launcher, 0o755)
  process.env.PATH = `${folder}/bin:${PATH}`
  t.teardown(() => {
    process.env.PATH = PATH
  })
  const engine = offlineImap({
    offlineimapMetadata: join(folder, 'metadata'),
    dataDir: folder,
    keptFree: { percent: 0, bytes: 0 },
  })
  const run = { signal: new AbortController().signal, onMessage: () => undefined }
  const order = { id: '1', home: join(folder, 'home'), provider: { ...PROVIDER, port: 1 } }
  return {
    check: await engine.check(),
    result: await engine.run(order, CREDENTIAL, run),
  }
}

/** The same with a copy of what a Debian has, changed. */
async function engineWithChanged(t: Test, debian: Debian, change: (tree: string) => Promise<void>) {
  const folder = t.testdir()
  const tree = join(folder, 'tree')
  await cp(`${debian.root}/usr/share/offlineimap3`, tree, { recursive: true })
  await change(tree)
  return engineWith(t, debian, `/usr/bin/python3 ${join(tree, 'run')}`, folder)
}

for (const debian of bothDebians()) {
  t.test(`the OfflineIMAP of Debian ${debian.release} is one that is repaired`, async (t) => {
    const { check, result } = await engineWith(t, debian, '/usr/bin/offlineimap')
    const [imaplib2, python] = debian.release === 12 ? ['3.05', '3.11'] : ['3.06', '3.13']
    t.match(check, { result: 'ok', found: new RegExp(`^8\\.0\\.0 \\(imaplib2 v${imaplib2}, Python v${python}`) })
    t.match(result, { outcome: 'old-unreachable' }, 'it got as far as the source')
  })

  t.test(`a change of what is repaired in Debian ${debian.release}'s is refused, in one line`, async (t) => {
    const { check, result } = await engineWithChanged(t, debian, async (tree) => {
      const file = join(tree, 'offlineimap/imapserver.py')
      const text = await readFile(file, 'utf8')
      await writeFile(file, text.replace('def releaseconnection(self, connection, drop_conn=False):', '$&  # changed'))
    })
    const found = `${REFUSED} IMAPServer.releaseconnection is another one here`
    t.match(check, { result: 'fail', found, remedy: /Debian 12 or 13/ })
    t.match(result, { outcome: 'engine-missing', messages: 0 })
    t.ok(result.output.split('\n').includes(`postferry: ${found}`), result.output)
  })

  t.test(`Debian ${debian.release}'s with the imaplib2 of the other is refused`, async (t) => {
    const other = bothDebians().find(({ release }) => release !== debian.release) as Debian
    const { check } = await engineWithChanged(t, debian, async (tree) => {
      const name = other.release === 12 ? 'imaplib2.py' : 'imaplib2'
      await cp(`${other.root}/usr/lib/python3/dist-packages/${name}`, join(tree, name), { recursive: true })
    })
    t.match(check, { result: 'fail', found: `${REFUSED} IMAP4._command is another one here` })
  })
}
