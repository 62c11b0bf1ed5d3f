import t from 'tap'
import { PERSON, tellOldServer } from '../support/old-server-story.ts'
import { startCourier } from '../support/old-servers.ts'

t.test('Courier', async (t) => {
  await tellOldServer(t, startCourier(Object.fromEntries([PERSON])), {
    naming: { separator: '.', prefix: 'INBOX.' },
    // A NUL.
    ...{ altered: '<nasty.17@old.example>', isExactOnDisk: true },
    unnamed: { 'INBOX/INBOX': 2, 'INBOX/inbox': 3, 'INBOX/inbox/kid': 4, 'INBOX/inbox/x': 2 },
  })
})

t.end()
