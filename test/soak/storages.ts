import t from 'tap'
import { bothDebians } from '../support/debian.ts'
import { storageStory } from '../support/storage-story.ts'
import { STORAGES } from '../support/storages.ts'

// The long form of test/e2e/storages.test.ts: every storage of both Dovecots.

t.setTimeout(1_200_000)

for (const debian of bothDebians()) {
  for (const row of STORAGES) {
    t.test(`to a Dovecot ${debian.dovecot} with ${row.name}`, (t) => storageStory(t, row, debian, { isUgly: true }))
  }
}

t.end()
