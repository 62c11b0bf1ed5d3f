import t from 'tap'
import { titleOfDirectory } from '../../src/maildir/listing.ts'

t.test('a directory is shown as the name that people gave it', async (t) => {
  const titles = { '': 'INBOX', '.Sent': 'Sent', '.a.b': 'a/b', '.a\\2eb.\\7ex': 'a.b/~x', '.Entw&APw-rfe': 'Entwürfe' }
  for (const [directory, title] of Object.entries(titles)) t.equal(titleOfDirectory(directory), title)
})
