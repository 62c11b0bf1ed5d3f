import { join } from 'node:path'
import type { Row } from '../row.ts'
import { timeLine } from '../table.ts'
import { inTurns } from '../turns.ts'
import { started } from './checkpassword.ts'

const CHECKOUT = join(import.meta.dirname, '../../..')
const STARTS_PER_ROUND = 15

export const start: Row = {
  name: 'start',
  about: 'starting a command, compiled and as it is in src, against starting Node',
  async measure({ rounds }) {
    const run = (program: string, ...args: string[]) =>
      started(program, args, { PATH: '/usr/bin:/bin' }, '/dev/null', 0)
    const nothing = () => run(process.execPath, '-e', '0')
    const compiled = () => run(join(CHECKOUT, 'bin/postferry'), '--version')
    const asInSrc = () => run(process.execPath, join(CHECKOUT, 'src/main.ts'), '--version')
    const times = STARTS_PER_ROUND * rounds
    return [
      timeLine('postferry --version', 'node -e 0', await inTurns(times, compiled, nothing)),
      timeLine('the same from src, without a bundle', 'node -e 0', await inTurns(times, asInSrc, nothing)),
    ]
  },
}
