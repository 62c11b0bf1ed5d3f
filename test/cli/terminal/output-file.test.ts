import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { EXIT, Failure } from '../../../src/cli/terminal/exit.ts'
import { refuseSpecial } from '../../../src/cli/terminal/output-file.ts'
import { EMIT, MAIN } from '../../support/program.ts'
import { runProgram, startService } from '../../support/service.ts'

t.test('only a file, or what leads to one, is replaced', async (t) => {
  const folder = t.testdir({ file: '' })
  const file = join(folder, 'file')
  symlinkSync(file, join(folder, 'link'))
  symlinkSync(join(folder, 'none'), join(folder, 'dangling'))
  for (const name of ['file', 'link', 'dangling', 'none']) refuseSpecial(join(folder, name), '-')
  const open = openSync(file, 'a')
  t.teardown(() => closeSync(open))
  for (const special of ['/dev/stdout', '/dev/null', `/proc/self/fd/${open}`, `/dev/fd/${open}`, folder]) {
    const refusal = { exitCode: EXIT.cannotCreate, message: `${special} is no file: name one, or think` }
    t.throws(() => refuseSpecial(special, 'think'), new Failure(refusal.exitCode, refusal.message))
  }
})

t.test('every command that replaces a file leaves a pipe what it is, before it does anything', async (t) => {
  const pipe = join(t.testdir({}), 'pipe')
  spawnSync('mkfifo', [pipe])
  const environment = { PATH: process.env.PATH, POSTFERRY_DATA_DIR: join(t.testdirName, 'none') }
  const commands = [
    [EMIT, '--output', pipe],
    [MAIN, 'doctor', '--bundle', pipe],
    [MAIN, 'backup', pipe],
  ]
  for (const [program = '', ...args] of commands) {
    const own = args[0] === 'backup' ? { ...environment, DATABASE_URL: 'postgresql://127.0.0.1:1/x' } : environment
    const refused = await runProgram(process.execPath, [program, ...args], own)
    t.match(refused, { exitCode: 73, stdout: '', stderr: `postferry: ${pipe} is no file: name one, or ` }, program)
    t.ok(statSync(pipe).isFIFO())
  }
  t.notOk(existsSync(environment.POSTFERRY_DATA_DIR))
})

t.test('output that cannot be written is not called trouble with the database', async (t) => {
  await using service = await startService()
  const backup = join(t.testdir({}), 'backup.gz')
  const written: [program: string, args: string[], closed: number][] = [
    [MAIN, ['provider', 'list'], 0],
    [EMIT, [], 0],
    [MAIN, ['backup', backup], 0],
    // Half of a backup is none.
    [MAIN, ['backup', '-'], 74],
  ]
  for (const [program, args, whenClosed] of written) {
    const command = [process.execPath, program, ...args]
    const full = await runProgram('sh', ['-c', 'exec "$@" >/dev/full', 'sh', ...command], service.environment)
    t.match(full, { exitCode: 74, stderr: /^postferry: cannot write the output \(ENOSPC\)\n$/ }, `${args} >/dev/full`)
    const closed = spawn(process.execPath, [program, ...args], { env: service.environment })
    closed.stdout.destroy()
    let stderr = ''
    closed.stderr.setEncoding('utf8').on('data', (chunk) => (stderr += chunk))
    await once(closed, 'close')
    t.equal(closed.exitCode, whenClosed, `${args} | true`)
    t.equal(stderr, whenClosed === 0 ? '' : 'postferry: standard output was closed: the backup is not whole\n')
  }
})
