import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runCronLine } from '../support/cron.ts'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { query } from '../support/query.ts'
import { seed } from '../support/seed.ts'

const people = Array.from({ length: 7 }, (_, at) => [`p${at}@old.example`, `secret of ${at}`] as const)
const ANNA = ['anna@old.example', 'Correct-Horse-9'] as const

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
t.after(() => rmSync(homes, { recursive: true }))
const ferry = await startFerry(Object.fromEntries([...people, ANNA]), { POSTFERRY_HOME: `${homes}/%d/%n` })
t.teardown(() => ferry[Symbol.asyncDispose]())
const { old, service } = ferry
for (const person of [...people, ANNA]) {
  await seed(old.port, person, 2)
  await service.passdb(person[0], person[1])
}
const SILENT = { exitCode: 0, stdout: '', stderr: '' }
const everybodyDue = () => query(service.dataDir, `update job set due_at = now() where due_at < 'infinity'`)

t.test('cron alone brings everybody across, and says nothing; report and burn-down know', async (t) => {
  t.same(await runCronLine(service), SILENT)
  t.match(await rows(service, 'report'), {
    total: { people: 8, synced: 8 },
    remaining: 0,
    burn_down: [{ remaining: 0, synced: 8 }],
  })
  await everybodyDue()
  t.same(await runCronLine(service), SILENT, 'nor does it when nothing is new')
})

t.test('what failed is told in a line for each cause', async (t) => {
  await old.setPassword(ANNA[0], 'another one')
  await everybodyDue()
  t.match(await runCronLine(service), {
    ...{ exitCode: 0, stdout: '' },
    stderr:
      /^postferry: not copied, credential-refused: anna@old\.example; the old server refuses the kept password: [^\n]+\n$/,
  })
  await old.stop()
  await everybodyDue()
  const { stdout, stderr } = await runCronLine(service)
  await old.start()
  t.match(stdout, '')
  t.match(
    stderr,
    /^postferry: not copied, old-unreachable: (p\d@old\.example, ){4}p\d@old\.example and 2 more; it is tried again\n$/,
  )
  await mustRun(service, 'migration', 'retry', '--all', '--state', 'synced')
  t.same(await runCronLine(service), SILENT)
})

t.end()
