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

t.test('a line ends with a line feed, and with nothing else', async (t) => {
  const lines: string[] = []
  const text = 'one\\r\\ntwo\\342\\200\\250still\\302\\205\\rtwo\\n\\nfour'
  await runProcess({
    ...{ program: 'sh', args: ['-c', `printf '${text}'`], signal: new AbortController().signal },
    ...{ isUrgent: () => true, onLine: (line) => lines.push(line) },
  })
  t.same(lines, ['one', 'two\u2028still\u0085\rtwo', '', 'four'])
})

t.test('of a line without an end the beginning is told', async (t) => {
  const lines: string[] = []
  await runProcess({
    ...{ program: 'sh', args: ['-c', 'yes | tr -d "\\n" | head -c 1000000'], signal: new AbortController().signal },
    ...{ isUrgent: () => true, onLine: (line) => lines.push(line) },
  })
  t.same(
    lines.map((line) => line.length),
    [10_000],
  )
})

t.end()
