import t from 'tap'
import { DoveadmCopying } from '../support/doveadm-copying.ts'
import { PERSON, tellOldServer } from '../support/old-server-story.ts'
import { startCourier } from '../support/old-servers.ts'
import { startRoundTrips } from '../support/round-trips.ts'
import { seed } from '../support/seed.ts'

t.test('Courier', async (t) => {
  await tellOldServer(t, startCourier(Object.fromEntries([PERSON])), {
    naming: { separator: '.', prefix: 'INBOX.' },
    // A NUL.
    ...{ altered: '<nasty.17@old.example>', isExactOnDisk: true },
    unnamed: { 'INBOX/INBOX': 2, 'INBOX/inbox': 3, 'INBOX/inbox/kid': 4, 'INBOX/inbox/x': 2 },
  })
})

t.test('a folder is waited for once, though Courier does not tell its next UID when it is opened', async (t) => {
  const people = [3, 8].map((folders, at) => ({ person: [`p${at}@old.example`, 'secret'] as const, folders }))
  await using copying = await DoveadmCopying.from(startCourier(Object.fromEntries(people.map(({ person }) => person))))
  await using trips = await startRoundTrips(copying.old.port)
  const counted: number[] = []
  for (const [at, { person, folders }] of people.entries()) {
    await seed(copying.old.port, person, 2, [
      'INBOX',
      ...Array.from({ length: folders - 1 }, (_, at) => `INBOX.F${at}`),
    ])
    trips.count()
    const result = await copying.run(at + 1, person, { provider: { port: trips.port } })
    t.match(result, { outcome: 'complete', messages: 2 * folders })
    counted.push(trips.count())
  }
  const [few = 0, many = 0] = counted
  t.ok(many - few <= 5, `${counted}`)
})

t.end()
