import t from 'tap'
import { debian } from '../support/debian.ts'
import { DoveadmCopying } from '../support/doveadm-copying.ts'
import { storageStory } from '../support/storage-story.ts'
import { STORAGES } from '../support/storages.ts'

// The others of both Dovecots: test/soak/storages.ts.

t.test('to a Dovecot 2.3 with compressed mdbox', (t) => storageStory(t, named('mdbox, compressed'), debian(12)))
t.test('to a Dovecot 2.4 with mail outside of the homes', (t) =>
  storageStory(t, named('a Maildir outside of the home, with its indexes elsewhere'), debian(13)),
)

t.test('what nobody but each person can decrypt is refused by its name', async (t) => {
  const person = ['anna@old.example', 'Correct-Horse-9'] as const
  const encrypted = () => `mail_location = maildir:~/Maildir
mail_plugins = listescape mail_crypt
plugin {
  mail_crypt_curve = secp521r1
  mail_crypt_save_version = 2
}`
  await using copying = await DoveadmCopying.start({ people: Object.fromEntries([person]) }, debian(12), encrypted)
  for (const engine of ['auto', 'doveadm'] as const) {
    t.match(await copying.run(1, person, { engine }), {
      outcome: 'engine-missing',
      output: /mail_crypt encrypts .* global key/,
    })
  }
})

function named(wanted: string) {
  const row = STORAGES.find(({ name }) => name === wanted)
  if (row === undefined) throw new Error(wanted)
  return row
}

t.end()
