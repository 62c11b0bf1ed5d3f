import t from 'tap'
import type { SourceFolders } from '../../../src/copying/ports.ts'
import { namespaceOf } from '../../../src/engines/doveadm/folders.ts'
import { nameFor } from '../../../src/engines/doveadm/source-names.ts'

const BELOW = { prefix: 'INBOX.', separator: '.' }

/** A source's folders, the INBOX among them. */
function folders(names: readonly string[], namespace: SourceFolders['namespace'] = null): SourceFolders {
  const inbox = { name: 'INBOX', separator: '.', prefix: '' }
  const others = names.map((name) => ({ ...BELOW, name }))
  const mailboxes = [inbox, ...others].map((mailbox) => ({ mailbox, wanted: true }))
  return { mailboxes, namespace, subscribed: new Set(), foreign: [] }
}

t.test('folders keep the names that they have at the source', async (t) => {
  const source = folders(['INBOX.Sent', 'INBOX.A.B'])
  t.same(namespaceOf(source), BELOW)
  t.equal(nameFor('C/D', source), 'INBOX.C.D')
})

t.test('who has none but the INBOX makes them as the source would', async (t) => {
  t.same(namespaceOf(folders([], BELOW)), BELOW)
  t.equal(nameFor('C/D', folders([], BELOW)), 'INBOX.C.D')
  t.equal(namespaceOf(folders([], { prefix: '', separator: '/' })), null, 'as here')
  t.same(namespaceOf(folders([], { prefix: '', separator: '.' })), { prefix: '', separator: '.' }, 'levels, too')
  t.equal(namespaceOf(folders([])), null, 'it does not say')
})

t.end()
