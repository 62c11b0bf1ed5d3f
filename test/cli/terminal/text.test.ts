import t from 'tap'
import { layoutOf, tableRow } from '../../../src/cli/terminal/text.ts'

const ROWS = [
  ['ADDRESS', 'PEOPLE', 'STATE'],
  ['anna.with.a.very.long.name@old.example', '7', 'pending'],
  ['ben@old.example', '10,461', 'done'],
]
const shown = (width: number | null) => ROWS.map((cells) => tableRow(cells, layoutOf(ROWS, width)))

t.test('numbers stand to the right', async (t) => {
  const [head, one, other] = shown(null)
  t.match(head, /^ADDRESS {33}PEOPLE {2}STATE\n$/)
  t.match(one, /^anna.* {7}7 {2}pending\n$/)
  t.match(other, /^ben.* {2}10,461 {2}done\n$/)
})

t.test('on a terminal the widest column gives way, and no line is wider', async (t) => {
  const lines = shown(40)
  t.same(
    lines.filter((line) => line.length > 41),
    [],
  )
  t.match(lines[1], /^anna\.with\.a\.very\.l.*… {7}7 {2}pending\n$/)
  t.match(lines[2], /^ben@old\.example /, 'what fits is whole')
})
