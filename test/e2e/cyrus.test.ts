import t from 'tap'
import { PERSON, tellOldServer } from '../support/old-server-story.ts'
import { startCyrus } from '../support/old-servers.ts'

const PEOPLE = Object.fromEntries([PERSON])
// CR CR LF: what keeps lines as LF cannot tell it from CR LF.
const ALTERED = { altered: '<nasty.15@old.example>', isExactOnDisk: false }

t.test('Cyrus with all folders below the INBOX', async (t) => {
  await tellOldServer(t, startCyrus(PEOPLE), {
    ...{ ...ALTERED, naming: { separator: '.', prefix: 'INBOX.' } },
    unnamed: { 'INBOX/INBOX': 2, 'INBOX/inbox': 3, 'INBOX/inbox/kid': 4, 'INBOX/inbox/x': 2 },
  })
})

t.test('Cyrus with folders beside the INBOX', async (t) => {
  const started = startCyrus(PEOPLE, { separator: '/' })
  await tellOldServer(t, started, { ...ALTERED, naming: { separator: '/', prefix: '' }, unnamed: {} })
})

t.end()
