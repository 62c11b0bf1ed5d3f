import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempDisposableSync, openSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startReference } from '../reference.ts'
import type { Row } from '../row.ts'
import { timeLine } from '../table.ts'
import { inTurns } from '../turns.ts'

const CHECKOUT = join(import.meta.dirname, '../../..')
const NODE = join(CHECKOUT, 'node_modules/.bin/node')
const CHECKPASSWORD = join(CHECKOUT, 'bin/checkpassword')
const STARTS_PER_ROUND = 15
const REFUSED = 1

export const checkpassword: Row = {
  name: 'checkpassword',
  async measure({ rounds }) {
    // mailferry itself would take its even time for the refusal: here only the program's own time counts.
    using folder = mkdtempDisposableSync(join(tmpdir(), 'mailferry-bench-'))
    const socket = join(folder.path, 'refusing.sock')
    using _refusing = await startReference('refusing', socket)
    const question = join(folder.path, 'question')
    writeFileSync(question, 'anna@old.example\0not the password\0\0')
    const env = { PATH: '/usr/bin:/bin', MAILFERRY_SOCKET: socket }
    const refused = () => started(CHECKPASSWORD, ['/bin/true'], env, question, REFUSED)
    const nothing = () => started(NODE, ['-e', '0'], env, question, 0)
    await refused()
    const compared = await inTurns(rounds * STARTS_PER_ROUND, refused, nothing)
    return [timeLine('checkpassword, refused at once', 'node -e 0', compared, 1.4)]
  },
}

/** Milliseconds from start to end. */
async function started(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  question: string,
  expected: number,
): Promise<number> {
  const input = openSync(question, 'r')
  const start = performance.now()
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'inherit', input] })
  const [code] = await once(child, 'exit')
  const elapsed = performance.now() - start
  closeSync(input)
  if (code !== expected) throw new Error(`${program} ended with ${code}, not ${expected}`)
  return elapsed
}
