import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { mustRun, rows, startFerry } from '../support/ferry.ts'
import { addAdministrators, VIEWER } from '../support/panel.ts'
import { query } from '../support/query.ts'
import { syncOnce } from '../support/sync.ts'
import { Visitor } from '../support/visitor.ts'

const ANNA = 'anna@old.example'
const BEN = 'ben@old.example'
const PASSWORD = 'Correct-Horse-9'

const homes = mkdtempSync(join(tmpdir(), 'postferry-homes-'))
chmodSync(homes, 0o755)
t.after(() => rmSync(homes, { recursive: true }))
const settings = { POSTFERRY_HOME: `${homes}/%d/%n`, POSTFERRY_KEEP_AUDIT_DAYS: '30' }
const { service, ...ferry } = await startFerry({ [ANNA]: PASSWORD, [BEN]: PASSWORD }, settings)
t.teardown(() => ferry[Symbol.asyncDispose]())
await addAdministrators(service, VIEWER)
for (const person of [ANNA, BEN]) await service.passdb(person, PASSWORD)

const aged = (person: string, days: number) =>
  query(
    service.dataDir,
    `with made as (update migration set created_at = now() - interval '${days} days' where address = $1 returning id)
      update credential set sealed_at = now() - interval '${days} days' from made where migration_id = id`,
    [person],
  )

t.test('the worker erases what has become old, and the report tells, also what is erased next', async (t) => {
  t.match(await rows(service, 'report'), { erased: [], expiring: { people: 0, at: null, addresses: [] } })
  await query(service.dataDir, `update audit set at = now() - interval '31 days' where action like 'domain.%'`)
  await aged(ANNA, 731)
  await aged(BEN, 701)
  await syncOnce(service)
  const entries: { action: string }[] = await rows(service, 'audit', 'list')
  t.notOk(entries.some(({ action }) => action === 'domain.add'))
  const report = await rows(service, 'report')
  t.match(report.erased, [
    { what: 'audit', days: 30, erased: 2 },
    { what: 'attempts', days: 90, erased: 0 },
    { what: 'steps', days: 400, erased: 0 },
    { what: 'ledgers', days: 400, erased: 0 },
    { what: 'credentials', days: 730, erased: 1 },
  ])
  t.match(report.expiring, { people: 1, addresses: [BEN] })
  t.match(
    entries.filter(({ action }) => action === 'credential.erase'),
    [{ actor: /^sync on /, subject: ANNA, detail: /^kept since 20/ }],
  )
  const text = await mustRun(service, 'report')
  t.match(text, /^audit +30 +2 /m)
  t.match(text, /^the kept passwords of 1 unfinished migrations are erased from .*: ben@old\.example$/m)
  const overview = (await (await Visitor.signedIn(service.url, VIEWER)).get('/admin')).text
  t.match(overview, /notice warn[^<]*<?[^>]*>The kept passwords of 1 unfinished migrations .*ben@old\.example\./)
})

t.test('whose credential was erased is not copied any more, until the next right sign-in', async (t) => {
  await query(service.dataDir, 'update job set due_at = now()')
  t.match(await syncOnce(service), { [ANNA]: 'credential-unopened' })
  t.match(await rows(service, 'migration', 'show', ANNA), { code: 'credential-unopened', credential_sealed_at: null })
  t.match(await service.passdb(ANNA, PASSWORD), { status: 200 })
  t.match(await rows(service, 'migration', 'show', ANNA), { code: null, credential_sealed_at: /^20/ })
  t.match(await syncOnce(service), { [ANNA]: /complete|unchanged/ })
})

t.end()
