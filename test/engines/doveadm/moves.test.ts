import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { mailboxBecomesMirror, moveBack, moveIn, probeMoves, putAside } from '../../../src/engines/doveadm/moves.ts'

const HOLD = '3f2b7c1e-0000-4000-8000-000000000001'
const OTHER = '3f2b7c1e-0000-4000-8000-000000000002'
const { PATH } = process.env
const signal = new AbortController().signal

t.beforeEach(() => {
  process.env.PATH = PATH
})
t.teardown(() => {
  process.env.PATH = PATH
})

/** A home with a mailbox and a mirror. */
function home(withMailbox = true): { where: { home: string; owner: null }; files: () => Record<string, string> } {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-moves-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const write = (path: string, text: string) => {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  if (withMailbox) write('Maildir/cur/1', 'in the mailbox')
  write('.postferry/mirror/Maildir/cur/2', 'in the mirror')
  const files = () =>
    Object.fromEntries(
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]),
    )
  return { where: { home: folder, owner: null }, files }
}

/** From now on the n-th of these programs is not run, or is the last one that is. */
function dyingAt(program: string, number: number, isAfter: boolean): void {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-dying-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const count = join(folder, 'count')
  const run = `PATH="\${PATH#*:}" ${program} "$@"`
  const script = `#!/bin/sh
echo >>${count}
if [ "$(wc -l <${count})" -eq ${number} ]; then ${isAfter ? `${run}; ` : ''}kill -9 $PPID; exit 1; fi
${run}
`
  writeFileSync(join(folder, program), script)
  chmodSync(join(folder, program), 0o755)
  process.env.PATH = `${folder}:${PATH}`
}

for (const withMailbox of [true, false]) {
  t.test(`the mirror takes the place of ${withMailbox ? 'a mailbox' : 'nothing'}, and gives it back`, async (t) => {
    const { where, files } = home(withMailbox)
    const before = files()
    await probeMoves(where, signal)
    t.same(files(), before, 'a probe leaves nothing')
    await moveIn(where, HOLD, signal)
    t.same(files(), {
      '.postferry/flip': HOLD,
      'Maildir/cur/2': 'in the mirror',
      ...(withMailbox && { [`.postferry/before/${HOLD}/Maildir/cur/1`]: 'in the mailbox' }),
    })
    await moveBack(where, OTHER)
    t.ok(existsSync(join(where.home, 'Maildir/cur/2')), 'another flip moves nothing')
    await moveBack(where, HOLD)
    t.same(files(), before)
    await moveBack(where, HOLD)
    t.same(files(), before, 'once more')
  })
}

for (const [program, number, isAfter] of [
  ['mkdir', 1, true],
  ['sync', 1, false],
  ['mv', 1, false],
  ['mv', 1, true],
  ['mv', 2, false],
  ['mv', 2, true],
  ['sync', 2, true],
] as const) {
  t.test(`who dies ${isAfter ? 'after' : 'before'} ${program} ${number} has moved nothing in the end`, async (t) => {
    const { where, files } = home()
    const before = files()
    dyingAt(program, number, isAfter)
    await t.rejects(moveIn(where, HOLD, signal))
    process.env.PATH = PATH
    await moveBack(where, HOLD)
    t.same(files(), before)
    await moveIn(where, HOLD, signal)
    t.equal(files()['Maildir/cur/2'], 'in the mirror', 'and the next flip goes on from there')
  })
}

t.test('who dies while it is moved back is moved back the next time', async (t) => {
  for (const [program, number] of [
    ['mv', 1],
    ['mv', 2],
  ] as const) {
    const { where, files } = home()
    const before = files()
    await moveIn(where, HOLD, signal)
    dyingAt(program, number, false)
    await t.rejects(moveBack(where, HOLD))
    process.env.PATH = PATH
    await moveBack(where, HOLD)
    t.same(files(), before)
  }
})

t.test(
  'after a return the mailbox is the mirror, and where nobody knows what the source has, it is kept aside',
  async (t) => {
    const compared = home()
    for (const _ of [1, 2]) {
      await mailboxBecomesMirror(compared.where, signal)
      t.same(compared.files(), { '.postferry/mirror/Maildir/cur/1': 'in the mailbox' })
    }
    const unknown = home()
    for (const _ of [1, 2]) {
      await putAside(unknown.where, signal)
      const { '.postferry/mirror/Maildir/cur/2': mirror, ...aside } = unknown.files()
      t.equal(mirror, 'in the mirror')
      t.match(Object.keys(aside), [/^\.postferry\/before\/[\da-f-]{36}\/Maildir\/cur\/1$/], 'where the next flip looks')
    }
  },
)

t.test('a mailbox that is a link is not moved', async (t) => {
  const { where } = home(false)
  mkdirSync(join(where.home, 'elsewhere'))
  const { symlinkSync } = await import('node:fs')
  symlinkSync('elsewhere', join(where.home, 'Maildir'))
  await t.rejects(probeMoves(where, signal), /cannot be renamed into the mailbox/)
  t.notOk(existsSync(join(where.home, 'postferry-probe')), 'and nothing is left of the probe')
})
