import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { redrawn } from '../../../src/cli/terminal/redraw.ts'
import { distance, told } from '../../../src/cli/terminal/text.ts'

const ROOM = { columns: 20, rows: 6 }

/** With what a terminal obeys as people write it. */
const seen = (text: string) => text.replaceAll('\u001b', '^')

/** What a terminal shows after these drawings, and where its cursor is: it obeys no more than what is used. */
function shownAfter(texts: readonly string[], { rows }: { readonly rows: number }): string[] {
  const screen: string[] = ['']
  let at = 0
  for (const text of texts) {
    for (const part of seen(text).match(/\^\[\d+A|\^\[J|\r|\n|[^^\r\n]+/gu) ?? []) {
      if (part === '\n') screen[++at] ??= ''
      else if (part === '\r') continue
      else if (part === '^[J') screen.splice(at, Number.POSITIVE_INFINITY, '')
      // What has left the screen is not reached any more.
      else if (part.startsWith('^[')) at = Math.max(screen.length - rows, at - Number.parseInt(part.slice(2), 10), 0)
      else screen[at] = part
    }
  }
  return screen
}

t.test('a board is drawn over the one before, whatever its length', async (t) => {
  const first = redrawn(['one', 'two', 'three'], 0, ROOM)
  const second = redrawn(['four'], first.lines, ROOM)
  const third = redrawn(['five', 'six'], second.lines, ROOM)
  t.same(shownAfter([first.text, second.text], ROOM), ['four', ''])
  t.same(shownAfter([first.text, second.text, third.text], ROOM), ['five', 'six', ''])
})

t.test('its first line stays in sight, and no line is wider than the terminal', async (t) => {
  const lines = ['It is going well.', ...Array.from({ length: 20 }, (_, number) => `${number} ${'x'.repeat(40)}`)]
  const first = redrawn(lines, 0, ROOM)
  const second = redrawn(['It has stopped.', ...lines.slice(1)], first.lines, ROOM)
  const shown = shownAfter([first.text, second.text], ROOM)
  t.same(shown, ['It has stopped.', ...[0, 1, 2].map((number) => `${number} ${'x'.repeat(17)}`), '… 17 more lines', ''])
  t.ok(shown.every((line) => line.length < ROOM.columns))
})

t.test('times say how long ago and when, numbers stand in groups, and a port is no number', async (t) => {
  const now = Date.parse('2026-11-29T04:00:00Z')
  t.equal(distance(new Date(now - 4_000), now), '4 s ago')
  t.equal(distance(new Date(now - 5 * 60_000), now), '5 min ago')
  t.equal(distance(new Date(now + 3 * 3_600_000), now), 'in 3 h')
  t.equal(distance(new Date(now - 1_500 * 86_400_000), now), '1,500 d ago')
  t.match(told(new Date(Date.now() - 7_000), 'at'), /^\d{4}-\d\d-\d\dT.*Z \(7 s ago\)$/)
  t.equal(told(10_461, 'people'), '10,461')
  t.equal(told(10_143, 'pop3_port'), '10143')
})

const OUTPUT = join(import.meta.dirname, '../../../src/cli/terminal/output.ts')

/** What a program prints that takes its output for a terminal of this width. */
function onTerminal(env: Record<string, string>): string {
  const program = `
    const { WriteStream } = await import('node:tty')
    Object.assign(process.stdout, { isTTY: true, columns: 60, getColorDepth: WriteStream.prototype.getColorDepth })
    const { printList } = await import(process.argv[1])
    const rows = [{ address: 'anna@kontor.example', state: 'synced', messages: 10461 }, { address: 'ben', state: 'failed', messages: 7 }]
    await printList(rows, { row: (row) => row, columns: ['address', 'state', 'messages'] }, {})`
  // Nothing else of this process: "CI" and others mean no colour, too.
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program, OUTPUT], {
    ...{ env: { TERM: 'xterm-256color', ...env }, encoding: 'utf8' },
  })
  return seen(stdout)
}

t.test('a state has its sign and colour on a terminal, and no colour where nobody wants one', async (t) => {
  const coloured = onTerminal({})
  t.match(coloured, /anna@kontor\.example {2}\^\[32m● synced\^\[39m {2}( +)10,461\n/)
  t.match(coloured, /\^\[31m✗ failed\^\[39m/)
  const plain = onTerminal({ NO_COLOR: '1' })
  t.notMatch(plain, /\^/)
  t.match(plain, /● synced/)
})

t.end()
