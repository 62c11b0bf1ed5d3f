import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Copying } from '../support/copying.ts'
import { ImapWire } from '../support/imap-wire.ts'
import { runOfflineimap } from '../support/offlineimap.ts'

const PEOPLE = { anna: 'secret of anna', ben: 'secret of ben', cleo: 'secret of cleo' }
const copying = await Copying.start({ people: PEOPLE })
t.teardown(() => copying[Symbol.asyncDispose]())
{
  await using anna = await ImapWire.open(copying.atSource('anna', PEOPLE.anna))
  await Promise.all(
    Array.from({ length: 300 }, (_, at) => anna.command('APPEND INBOX ', Buffer.from(`Subject: ${at}\r\n\r\n`))),
  )
}

const results = (output: string) =>
  output.match(/postferry: m-\d+ \w+/g)?.map((line) => line.slice('postferry: '.length))
const orders = [1, 2, 3].map((id) => copying.order(id))
const asking = (...ids: number[]) =>
  ids.map((id) => `${id} {"host": "localhost", "port": ${copying.old.port}, "tls": "none", "trusts": null}\n`).join('')
/** Whose mail was not copied yet, so that a run has something to do. */
const freshOrders = (from: number) => [from, from + 1, from + 2].map((id) => copying.order(id))

t.test('all credentials of the run are opened by one call, ids on its input', async (t) => {
  await copying.openAll(PEOPLE)
  const { code, output } = await copying.run(orders)
  t.equal(code, 0, output)
  t.strictSame(results(output), ['m-1 complete', 'm-2 complete', 'm-3 complete'])
  t.equal(await copying.asked(), `credential open\n${asking(1, 2, 3)}`)
})

t.test('with -a only what is asked for is opened and copied', async (t) => {
  await rm(join(copying.folder, 'asked'))
  const { code, output } = await copying.run(orders, { args: ['-a', 'm-3, m-1'] })
  t.equal(code, 0, output)
  t.strictSame(results(output), ['m-3 complete', 'm-1 complete'])
  t.equal(await copying.asked(), `credential open\n${asking(3, 1)}`)
})

t.test('no migration at all is a run with nothing to do', async (t) => {
  const { code, output } = await copying.run([])
  t.equal(code, 0, output)
  t.not((await copying.run([], { without: 'run.all_accounts' })).code, 0)
})

t.test('a credential that cannot be opened fails its account alone, in one clear line', async (t) => {
  const good = { user: 'ben', password: PEOPLE.ben }
  await copying.credentials([
    { id: '1', error: 'sealed for another key' },
    { id: '2', ...good },
    { id: '3', user: 'cleo', password: 'with\nline break' },
  ])
  const { code, output } = await copying.run([...orders, copying.order(4)])
  t.equal(code, 1)
  t.strictSame(results(output), ['m-1 incomplete', 'm-2 complete', 'm-3 incomplete', 'm-4 incomplete'])
  t.match(output, 'ERROR: m-1: its credential cannot be opened: sealed for another key\n')
  t.match(output, 'ERROR: m-3: its credential cannot be opened: no usable answer\n')
  t.match(output, 'ERROR: m-4: its credential cannot be opened: no usable answer\n')
  t.notMatch(output, 'Traceback')
  t.notMatch(output, 'with\nline')
  const stock = await copying.run(orders, { without: 'run.known_errors_without_traceback' })
  t.match(stock.output, 'Traceback')
})

t.test('a command that fails or talks nonsense ends the run, and its answer is not shown', async (t) => {
  const secret = JSON.stringify({ id: '1', user: 'anna', password: PEOPLE.anna })
  await copying.credentials([secret], 78)
  const failed = await copying.run(orders)
  t.equal(failed.code, 1)
  t.match(failed.output, /^postferry: no credential can be opened: .*open-credentials ended with status 78$/m)
  for (const nonsense of [secret.slice(0, -1), '[1]', '"x"', '{"user":"anna","password":"secret of anna"}']) {
    await copying.credentials([nonsense])
    const { code, output } = await copying.run(orders)
    t.equal(code, 1)
    t.match(output, /^postferry: no credential can be opened: .* answered something else than JSON lines$/m)
    t.notMatch(output, PEOPLE.anna)
    t.notMatch(output, 'Traceback')
  }
  await chmod(copying.command, 0o644)
  const missing = await copying.run(orders)
  t.equal(missing.code, 1)
  t.match(missing.output, /^postferry: no credential can be opened: .*Permission denied/m)
})

t.test('wherever the pythonfile is, the command that is named opens the credentials', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'postferry-checkout-'))
  t.teardown(() => rm(root, { recursive: true }))
  await chmod(root, 0o755)
  const credentials = join(root, 'postferry')
  await writeFile(credentials, '#!/bin/sh\necho "called with $*" >&2\nexit 3\n', { mode: 0o755 })
  const pythonFile = join(root, 'link.py')
  await symlink(join(copying.folder, 'offlineimap', 'postferry.py'), pythonFile)
  const file = await copying.emit(orders, { emitter: { pythonFile, credentials } })
  const { code, output } = await runOfflineimap(file, { owner: copying.new.mailOwner })
  t.equal(code, 1)
  t.match(output, 'called with credential open')
  t.match(output, `${credentials} ended with status 3`)
})

t.test('trouble on the destination stops one account, not those after it', async (t) => {
  const answers = [11, 12, 13].map((id, at) => {
    return { id: String(id), user: Object.keys(PEOPLE)[at] ?? '', password: Object.values(PEOPLE)[at] ?? '' }
  })
  await copying.credentials(answers)
  const blocked = { ...copying.order(11), home: `${copying.command}/below-a-file` }
  const all = [blocked, copying.order(12), copying.order(13)]
  const { code, output } = await copying.run(all)
  t.equal(code, 1)
  t.strictSame(results(output), ['m-11 incomplete', 'm-12 complete', 'm-13 complete'])
  t.notMatch((await copying.run(all, { without: 'run.one_failure_one_account' })).output, 'account m-12')
  t.strictSame(results((await copying.run(all, { without: 'run.results_told' })).output), undefined)
})

t.test('an account error never leaves the run waiting for itself, with or without -1', async (t) => {
  await copying.credentials([
    { id: '1', user: 'anna', password: 'wrong' },
    { id: '2', user: 'ben', password: PEOPLE.ben },
    { id: '3', user: 'cleo', password: PEOPLE.cleo },
  ])
  for (const args of [[], ['-1']]) {
    const { code, output } = await copying.run(orders, { args })
    t.equal(code, 1)
    t.strictSame(results(output), ['m-1 incomplete', 'm-2 complete', 'm-3 complete'])
  }
  // How often the threaded mode hangs is a matter of luck, so this only asks which mode it is.
  const appended = "\nprint('single', offlineimap.globals.options.singlethreading)\n"
  t.match((await copying.run(orders, { appended })).output, 'single True')
  const stock = await copying.run(orders, { appended, without: 'run.single_thread' })
  t.match(stock.output, 'single False')
})

t.test('a run that is stopped by SIGTERM does not end as if all were copied', async (t) => {
  const stopped = async (from: number, without?: string) => {
    const people = [PEOPLE.anna, PEOPLE.ben, PEOPLE.cleo]
    const names = Object.keys(PEOPLE)
    const answers = names.map((user, at) => ({ id: String(from + at), user, password: people[at] ?? '' }))
    await copying.credentials(answers)
    let told = false
    const watch = (text: string, pid: number) => {
      if (!told && text.includes('Copy message')) told = process.kill(pid, 'SIGTERM')
    }
    return copying.run(freshOrders(from), { watch, ...(without && { without }) })
  }
  const { code, output } = await stopped(21)
  t.equal(code, 1, output)
  t.match(output, 'a signal ended the run before everything was copied')
  t.strictSame(results(output), ['m-21 incomplete'])
  t.equal(results((await stopped(31, 'run.interruption_told')).output)?.length, 3, 'without it every account is tried')
  await copying.credentials([{ id: '21', user: 'anna', password: PEOPLE.anna }])
  const next = await copying.run([copying.order(21)])
  t.equal(next.code, 0)
  await using now = await ImapWire.open(copying.onNew(21))
  t.match((await now.command('STATUS INBOX (MESSAGES)'))[0]?.line, 'MESSAGES 300', 'the next run brings the rest, once')
})

t.test('another OfflineIMAP than 8.0 is refused', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postferry-other-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'offlineimap'))
  await writeFile(join(folder, 'offlineimap', '__init__.py'), "__version__ = '7.3.4'\n")
  const pythonFile = fileURLToPath(new URL('../../src/engines/offlineimap/python/postferry.py', import.meta.url))
  const child = spawn('/usr/bin/python3', [pythonFile], {
    env: { PYTHONPATH: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let words = ''
  child.stderr.on('data', (bytes) => {
    words += bytes
  })
  const [code] = await once(child, 'close')
  t.equal(code, 78)
  t.equal(words, 'postferry: the repairs are made for OfflineIMAP of Debian 12 and Debian 13: this is 7.3.4\n')
})

t.end()
