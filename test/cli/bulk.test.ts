import t from 'tap'
import { COMPILED } from '../support/compiled.ts'
import { type Ferry, mustRun, rows, startFerry } from '../support/ferry.ts'
import { mistakeIn } from './mistake.ts'

const PEOPLE = ['anna@old.example', 'bert@renamed.example', 'carl@old.example']
let ferry: Ferry
t.before(async () => {
  ferry = await startFerry(Object.fromEntries(PEOPLE.map((user) => [user, `pw of ${user}`])), COMPILED)
  for (const user of PEOPLE) await ferry.service.passdb(user, `pw of ${user}`)
})
t.after(() => ferry[Symbol.asyncDispose]())

const migration = (...args: string[]) => rows(ferry.service, 'migration', ...args)
const states = async () => (await migration('list')).map(({ state }: { state: string }) => state)

t.test('without an address or --all, or with both, nobody is meant', async (t) => {
  const mistakes: [string[], RegExp][] = [
    [['pause'], /say who: an address, or --all/],
    [['retry', 'anna@old.example', '--all'], /exclude each other/],
    [['resume', '--provider', 'old'], /need --all/],
    [['pause', 'anna@old.example', '--dry-run'], /need --all/],
    [['finish'], /say who/],
    [['finish', '--all'], /--all needs --queue/],
    [['finish', '--all', '--force'], /--all needs --queue/],
    [['finish', 'anna@old.example', '--queue', '--force'], /--queue.*--force/],
    [['pause', '--all', '--state', 'nonsense'], /--state/],
  ]
  for (const [args, line] of mistakes) {
    t.match(await mistakeIn(['migration', ...args]), { exitCode: 64, line }, args.join(' '))
  }
  const nowhere = await mistakeIn(['migration', 'pause', '--all', '--provider', 'nowhere'], ferry.service.environment)
  t.match(nowhere, { exitCode: 65, line: /nowhere/ })
})

t.test('a dry run tells what would change, and changes nothing', async (t) => {
  t.equal(
    await mustRun(ferry.service, 'migration', 'pause', '--all', '--dry-run'),
    '3 migrations would change\n3 pending → paused\n',
  )
  t.same(await migration('pause', '--all', '--domain', 'old.example', '--dry-run'), {
    ...{ dry_run: true, changed: [{ from: 'pending', to: 'paused', count: 2 }], refused: [] },
  })
  t.same(await states(), ['pending', 'pending', 'pending'])
})

t.test('all who match take the step, with the reason in the audit; the others are told why not', async (t) => {
  await mustRun(ferry.service, 'migration', 'pause', '--all', '--domain', 'old.example', '--reason', 'a bad night')
  t.same(await states(), ['paused', 'pending', 'paused'])
  const entries = await rows(ferry.service, 'audit', 'list')
  t.match(entries.slice(0, 2), [
    { action: 'migration.pause', actor: /^cli:/, reason: 'a bad night', detail: 'pending → paused' },
    { action: 'migration.pause', reason: 'a bad night' },
  ])
  t.equal(
    await mustRun(ferry.service, 'migration', 'finish', '--queue', '--all'),
    '1 migrations changed\n1 pending; it is finished as soon as a last attempt has a clean ledger\n' +
      '2 refused: the migration is paused: resume it first\n',
  )
  t.match(await migration('list', '--finish-requested'), [{ address: 'bert@new.example', finish_requested: true }])
  t.equal(
    await mustRun(ferry.service, 'migration', 'retry', '--all', '--finish-requested'),
    '1 migrations changed\n1 pending; its next attempt is due now\n',
  )
  t.match(await migration('resume', '--all', '--search', 'carl'), { dry_run: false, changed: [{ count: 1 }] })
  t.same(await states(), ['paused', 'pending', 'pending'])
})

t.end()
