import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startFerry } from '../ferry.ts'
import { startReference } from '../reference.ts'
import type { Row } from '../row.ts'
import { timeLine } from '../table.ts'
import { inTurns } from '../turns.ts'

const CHECKOUT = join(import.meta.dirname, '../../..')
const CHECKPASSWORD = join(CHECKOUT, 'bin/checkpassword')
const STARTS_PER_ROUND = 15
const REFUSED = 1
const MOST = 1.4

export const checkpassword: Row = {
  name: 'checkpassword',
  about: 'starting checkpassword for a refusal, against starting Node',
  async measure({ rounds }) {
    await using ferry = await startFerry({ people: 1 })
    const place = ferry.serving.dataDir
    using refusing = await startReference('refusing', join(place, 'refusing.sock'))
    const question = join(place, 'question')
    writeFileSync(question, `${ferry.people[0]?.username}\0not the password\0\0`)
    const compare = async (socket: string, times: number) => {
      const env = { PATH: '/usr/bin:/bin', POSTFERRY_SOCKET: socket }
      const refused = () => started(CHECKPASSWORD, ['/bin/true'], env, question, REFUSED)
      return await inTurns(times, refused, () => started(process.execPath, ['-e', '0'], env, question, 0))
    }
    // postferry holds each refusal back until it has taken as long as any other: the first line is the program's own
    // time.
    const program = await compare(refusing.socket, STARTS_PER_ROUND * rounds)
    const held = await compare(ferry.serving.socket, rounds)
    return [
      timeLine('checkpassword, refused by a service that says no at once', 'node -e 0', program, MOST),
      timeLine('the same, refused by postferry, which has its failure delay', 'node -e 0', held, MOST),
    ]
  },
}

/**
 * Milliseconds from start to end.
 * @param question what it reads from its descriptor 3
 */
export async function started(
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
