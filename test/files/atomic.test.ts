import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createFile, replaceFile, replaceFileFrom } from '../../src/files/atomic.ts'

const MODULE = join(import.meta.dirname, '../../src/files/atomic.ts')
const ROUNDS = 200

const folder = mkdtempSync(join(tmpdir(), 'postferry-whole-file-'))
t.after(() => rmSync(folder, { recursive: true }))

t.test('a file is made for its owner alone, and never over another', async (t) => {
  const file = join(folder, 'made')
  createFile(file, 'first')
  t.throws(() => createFile(file, 'second'), { code: 'EEXIST' })
  t.equal(readFileSync(file, 'utf8'), 'first')
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.same(readdirSync(folder), ['made'], 'nothing else is left behind')
})

t.test('a file is replaced whole, with the access that is asked for, or stays as it was', async (t) => {
  const file = join(folder, 'made')
  chmodSync(file, 0o644)
  replaceFile(file, 'second', { mode: 0o640 })
  t.same([readFileSync(file, 'utf8'), statSync(file).mode & 0o777], ['second', 0o640])
  await replaceFileFrom(file, pieces('third, ', 'in two'))
  t.same([readFileSync(file, 'utf8'), statSync(file).mode & 0o777], ['third, in two', 0o600])
  await t.rejects(replaceFileFrom(file, pieces('fourth', new Error('cut off'))), { message: 'cut off' })
  t.throws(() => replaceFile(join(folder, 'nowhere/file'), ''), { code: 'ENOENT' })
  t.equal(readFileSync(file, 'utf8'), 'third, in two')
  t.same(readdirSync(folder), ['made'], 'nothing else is left behind')
})

async function* pieces(...all: (string | Error)[]) {
  for (const piece of all) {
    if (piece instanceof Error) throw piece
    yield piece
  }
}

t.test('several processes that want a line at the same moment keep the same one', async (t) => {
  // At the same moments for all of them, each time in another file.
  const script = `
    import { randomUUID } from 'node:crypto'
    import { keptLine } from ${JSON.stringify(MODULE)}
    process.stdin.once('data', (start) => {
      for (let round = 0; round < ${ROUNDS}; round++) {
        while (Date.now() < Number(start) + round * 10);
        console.log(keptLine(${JSON.stringify(join(folder, 'raced-'))} + round, randomUUID))
      }
      process.exit()
    })
    console.log('ready')`
  const makers = Array.from({ length: 3 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }),
  )
  await Promise.all(makers.map(({ stdout }) => once(stdout.setEncoding('utf8'), 'data')))
  const start = Date.now() + 200
  const ended = makers.map(async ({ stdin, stdout }) => {
    stdin.write(`${start}\n`)
    return (await stdout.toArray()).join('').split('\n')
  })
  const [made, ...others] = await Promise.all(ended)
  for (const other of others) t.same(other, made)
  const kept = Array.from({ length: ROUNDS }, (_, round) => readFileSync(join(folder, `raced-${round}`), 'utf8'))
  t.same(made, `${kept.join('')}`.split('\n'))
  t.equal(made?.filter((line) => line !== '').length, ROUNDS)
})

t.end()
