import t from 'tap'
import { startDebianPostgres } from '../support/debian-postgres.ts'
import { addAdministrators, OWNER } from '../support/panel.ts'
import { startService } from '../support/service.ts'
import { until } from '../support/until.ts'
import { Visitor } from '../support/visitor.ts'

const all = new AsyncDisposableStack()
t.teardown(() => all.disposeAsync())
const postgres = all.use(await startDebianPostgres())
const service = all.use(await startService({ DATABASE_URL: postgres.url }))
await addAdministrators(service, OWNER)
const owner = await Visitor.signedIn(service.url, OWNER)

t.test('what no field can hold is refused before anything is changed', async (t) => {
  const name = { ...OWNER, name: 'bert', role: 'viewer' }
  for (const reason of ['one\nline too many', '\0', '\u{1b}[31mred']) {
    t.match(await owner.post('/admin/administrators', { ...name, reason }), { status: 303 })
    t.match(
      (await owner.get('/admin/administrators')).text,
      /Nothing is changed.*It must be 1 to 500 characters on one line/,
    )
  }
  for (const path of [
    '/admin/migrations?search=%00',
    '/admin/audit?subject=a%00b',
    '/admin/migrations/a%00@b.example',
  ]) {
    t.match(await owner.get(path), { status: 400, text: /That was not understood/ }, path)
  }
  t.notMatch((await owner.get('/admin/administrators')).text, 'bert')
})

t.test('files are read one at a time', async (t) => {
  const upload = async (people: number) => {
    const file = Array.from({ length: people }, (_, number) => `p${number}@old.example\n`).join('')
    const form = new FormData()
    form.set('_csrf', await owner.token())
    form.set('file', new Blob([file]), 'people.csv')
    return (await owner.send('/admin/import', form)).location
  }
  const shown = async (path: string) => (await owner.get(path)).text
  const [first, second] = [await upload(50_000), await upload(1)]
  t.match(await shown(second), /another import is running: try again when it is over/)
  await until(async () => /What the file would do/.test(await shown(first)), 'the first file is read')
  const third = await upload(1)
  await until(async () => /What the file would do/.test(await shown(third)), 'the next file is read')
})

t.test('while the database is away every page says so, and works again afterwards', async (t) => {
  await postgres.stop()
  for (const path of ['/admin', '/admin/migrations', '/admin/audit']) {
    const { status, text, headers } = await owner.get(path)
    t.match({ status, text }, { status: 503, text: /The database is away/ }, path)
    t.equal(headers.get('retry-after'), '5')
  }
  await postgres.start()
  await until(async () => (await owner.get('/admin/audit')).status === 200, 'the page is shown again')
})

t.end()
