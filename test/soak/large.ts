import { randomBytes } from 'node:crypto'
import t from 'tap'
import { ENGINES } from '../../src/model/provider.ts'
import { compareAccounts } from '../support/compare.ts'
import { DoveadmCopying } from '../support/doveadm-copying.ts'
import { ImapWire } from '../support/imap-wire.ts'

const MEGABYTES = 100
const LONGEST_NAME = 'n'.repeat(240)
const PEOPLE = ENGINES.map((engine) => [`${engine}@old.example`, `secret of ${engine}`] as const)

t.setTimeout(600_000)

for (const [at, engine] of ENGINES.entries()) {
  t.test(`${engine} copies a message of ${MEGABYTES} MB, and a folder with a name of 240`, async (t) => {
    const person = PEOPLE[at] as (typeof PEOPLE)[number]
    await using copying = await DoveadmCopying.start({ people: Object.fromEntries(PEOPLE) })
    const [old, now] = [copying.atSource(person), copying.onNew(at + 1)]
    {
      await using wire = await ImapWire.open(old)
      await wire.command('CREATE ', Buffer.from(LONGEST_NAME))
      const line = `${randomBytes(48).toString('base64')}\r\n`
      const body = Buffer.from(`Subject: large\r\n\r\n${line.repeat((MEGABYTES * 1e6) / line.length)}`)
      await wire.command('APPEND INBOX ', body)
      await wire.command('APPEND ', Buffer.from(LONGEST_NAME), ' ', Buffer.from('Subject: small\r\n\r\nsmall\r\n'))
    }
    t.match(await copying.run(at + 1, person, { engine, isCompared: true }), {
      ...{ outcome: 'complete', messages: 2, ledger: 'clean' },
    })
    t.match(await compareAccounts(old, now), { complete: true, onlyOnNew: [], total: { messages: 2, extra: 0 } })
  })
}

t.end()
