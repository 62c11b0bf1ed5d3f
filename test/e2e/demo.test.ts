import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { reachedFrom } from '../../build/test.ts'
import { COPIED } from '../demo/ordinary-user.ts'

const DEMO = join(import.meta.dirname, '../demo/demo.ts')

t.setTimeout(600_000)

interface Show {
  child: ChildProcess
  output: string
  /** Settles when the output matches. */
  shown(wanted: RegExp): Promise<void>
  ended: Promise<number | null>
}

function startDemo(t: Test): Show {
  // tap loads itself into every Node: from a place that the demo's ordinary user may not read.
  const untapped = ['-c', 'unset NODE_OPTIONS; exec "$0" "$@"', process.execPath, DEMO]
  const child = spawn('sh', untapped, { stdio: ['ignore', 'pipe', 'pipe'] })
  const show: Show = {
    child,
    output: '',
    shown: async (wanted) => {
      while (!wanted.test(show.output)) await Promise.race([once(child.stdout, 'data'), show.ended.then(refuseEnd)])
    },
    ended: once(child, 'close').then(([code]) => {
      if (code !== 0) t.comment(show.output)
      return code
    }),
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      show.output += text
    })
  }
  t.teardown(() => child.kill())
  return show

  function refuseEnd(): never {
    throw new Error(`the demo ended too early:\n${show.output}`)
  }
}

function folderOf({ output }: Show): string {
  return /in (\/\S+postferry-demo-\w+)/.exec(output)?.[1] ?? ''
}

/** Processes that have the folder in their command line or environment, or work in it. */
function processesIn(folder: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    const looks = [
      () => readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
      () => readFileSync(`/proc/${pid}/environ`, 'utf8'),
      () => readlinkSync(`/proc/${pid}/cwd`),
    ]
    return /^\d+$/.test(pid) && looks.some((look) => attempt(look).includes(folder))
  })
}

function attempt(look: () => string): string {
  try {
    return look()
  } catch {
    return '' // Somebody else's, or just ended.
  }
}

t.test('where the ordinary user cannot read the checkout, whatever the demo needs is in the copy', async (t) => {
  const outside = [...reachedFrom('test/demo/demo.ts').keys()].filter(
    (file) => !COPIED.includes(file.split('/')[0] ?? ''),
  )
  t.same(outside, [])
})

t.test('the demo brings every message across, says so, and leaves nothing behind', async (t) => {
  const demo = startDemo(t)
  await demo.shown(/Ready: database/)
  const folder = folderOf(demo)
  t.ok(existsSync(folder), 'it has a folder')
  t.not(processesIn(folder).length, 0, 'processes run in it')
  t.equal(await demo.ended, 0, 'it ends well')
  const lines = demo.output.trimEnd().split('\n')
  const shows = (wanted: RegExp) =>
    t.ok(
      lines.some((line) => wanted.test(line)),
      `it shows ${wanted}`,
    )
  shows(/^ +bert@renamed\.example .* NO \[AUTHENTICATIONFAILED\]$/)
  shows(/^ +bert@new\.example is complete: 56 messages copied and proved \(.* s\)$/)
  shows(/^ +bert@new\.example is complete: nothing new \(.* s\)$/)
  shows(/^ +copied with .*: doveadm \(Dovecot .* is here\)$/)
  shows(/^ +frieda@quiet\.example .* OK +7 folder, 56 messages$/)
  shows(/^ +The mail program was without an answer for \d+ ms at most, and has nothing to download\.$/)
  shows(/^ +Entwürfe +Entwürfe +8( +0){7}$/)
  const result =
    /^All \d{3} messages in \d+ folders of 4 people are on the new server, byte for byte, .* keywords and subscriptions\. \(\d+ s\)$/
  t.match(lines.at(-1), result, 'its last line is the result')
  t.notOk(demo.output.includes('\x1b'), 'there is no colour without a terminal')
  t.notOk(existsSync(folder), 'the folder is removed')
  t.same(processesIn(folder), [], 'nothing runs any more')
})

t.test('Ctrl-C while mail is copied stops and removes everything', async (t) => {
  const demo = startDemo(t)
  await demo.shown(/bin\/postferry sync --once/)
  const folder = folderOf(demo)
  demo.child.kill('SIGINT')
  t.equal(await demo.ended, 130, 'its exit code is the one of SIGINT')
  t.notOk(demo.output.includes('The same again'), 'it does not go on')
  t.match(demo.output.trimEnd().split('\n').at(-1), 'Everything is stopped and removed.')
  t.notOk(existsSync(folder), 'the folder is removed')
  t.same(processesIn(folder), [], 'nothing runs any more')
})
