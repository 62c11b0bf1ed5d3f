import t from 'tap'
import type { SourceFolders } from '../../../src/copying/ports.ts'
import { asNamed } from '../../../src/engines/doveadm/renamed.ts'

const folders = (...names: string[]): SourceFolders => ({
  mailboxes: names.map((name) => ({ mailbox: { name, separator: '/', prefix: '' }, wanted: true })),
  foreign: [],
  subscribed: new Set(),
})

/** Work that comes to something when the names are these, and the names that it has seen. */
function workFor(name: string) {
  const seen: string[] = []
  const work = async ({ mailboxes: [first] }: SourceFolders) => {
    seen.push(first?.mailbox.name ?? '')
    if (first?.mailbox.name !== name) throw new Error('not there')
    return name
  }
  return { seen, work }
}

t.test('what came to nothing is done again under the names of now', async (t) => {
  const { seen, work } = workFor('After')
  t.equal(await asNamed(folders('Before'), async () => folders('After'), work), 'After')
  t.same(seen, ['Before', 'After'])
  const isDone = (done: number) => done === 2
  let tries = 0
  t.equal(
    await asNamed(
      folders('Before'),
      async () => folders('After'),
      async () => ++tries,
      isDone,
    ),
    2,
  )
})

t.test('where the names are the same, it failed for another reason', async (t) => {
  const { seen, work } = workFor('After')
  await t.rejects(
    asNamed(folders('Before', 'Other'), async () => folders('Other', 'Before'), work),
    /not there/,
  )
  t.equal(seen.length, 1)
  t.equal(
    await asNamed(
      folders('Before'),
      async () => folders('Before'),
      async () => 1,
      () => false,
    ),
    1,
  )
})

t.test('that the names cannot be asked for hides no failure', async (t) => {
  const away = async () => await Promise.reject(new Error('away'))
  await t.rejects(asNamed(folders('Before'), away, workFor('After').work), /not there/)
})

t.test('who renames without a break ends it', async (t) => {
  const { seen, work } = workFor('never')
  await t.rejects(
    asNamed(folders('0'), async () => folders(`${seen.length}`), work),
    /not there/,
  )
  t.same(seen, ['0', '1', '2', '3', '4'])
})

t.end()
