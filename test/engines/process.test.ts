import { existsSync } from 'node:fs'
import t from 'tap'
import { runProcess } from '../../src/engines/process.ts'

const behind = (look: string) => `until ${look}; do sleep 0.01; done; echo behind`
const LOOKS = [
  '[ "$(nice)" = 5 ]',
  ...(existsSync('/proc/self/autogroup') ? ['grep -q "nice 5" /proc/self/autogroup'] : []),
]

t.test('what copies goes behind everything else that wants a processor', async (t) => {
  for (const look of LOOKS) {
    const lines: string[] = []
    const end = await runProcess({
      ...{ program: 'sh', args: ['-c', behind(look)], handOver: '', signal: new AbortController().signal },
      ...{ isUrgent: () => true, onLine: (line) => lines.push(line) },
    })
    t.same([end, lines], [{ exitCode: 0, error: null }, ['behind']], look)
  }
})

t.end()
