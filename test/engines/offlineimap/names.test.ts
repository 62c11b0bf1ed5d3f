import t from 'tap'
import { directoriesOf, sourceUids, statusFile } from '../../../src/engines/offlineimap/names.ts'
import VECTORS from '../../vectors/names.json' with { type: 'json' }

t.test('each mailbox has a directory of its own, whatever its name', async (t) => {
  for (const { separator, prefix, directories } of VECTORS.directories) {
    const mailboxes = Object.keys(directories).map((name) => {
      return { name, separator, prefix: name.startsWith(prefix) ? prefix : '' }
    })
    t.same(Object.fromEntries(directoriesOf(mailboxes)), directories)
  }
})

t.test('each directory has a status file of its own', async (t) => {
  for (const [directory = '', file] of VECTORS.statusFiles) t.equal(statusFile(directory), file)
})

t.test('the UID at the source is read from what was stored in that directory only', async (t) => {
  for (const { directory, uid, file } of VECTORS.messageFiles) {
    const [name = ''] = file.split(':')
    t.equal(sourceUids(directory)(name), uid)
    t.equal(sourceUids('.Other')(name), null)
  }
})
