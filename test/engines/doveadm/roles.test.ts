import t from 'tap'
import { byRole } from '../../../src/engines/doveadm/roles.ts'
import { directoriesOf } from '../../../src/engines/offlineimap/names.ts'
import { encodeName, type Mailbox } from '../../../src/model/mailbox.ts'
import { USUAL } from '../../../src/model/roles.ts'

const mailbox = (title: string, more: Partial<Mailbox> = {}): Mailbox => {
  return { name: title === 'INBOX' ? title : encodeName(title), separator: '/', prefix: '', ...more }
}
const placed = (all: readonly Mailbox[], isKept: (directory: string) => boolean = () => false) => {
  const { directories, told } = byRole(all, { folders: USUAL, directoriesOf, isKept })
  return { places: all.map(({ name }) => directories.get(name)), told }
}

t.test('names of mail programs and servers, at the top and whatever their case', async (t) => {
  const titles = ['INBOX', 'Sent Items', 'ENTWÜRFE', 'Papierkorb', 'spam', 'Archiv', 'Projekte/Sent Items', 'Notizen']
  const places = ['', '.Sent', '.Drafts', '.Trash', '.Junk', '.Archive', '.Projekte.Sent Items', '.Notizen']
  t.same(placed(titles.map((title) => mailbox(title))), { places, told: [] })
  const below = { separator: '.', prefix: 'INBOX.' }
  t.same(placed([mailbox('INBOX'), mailbox('INBOX.Gesendet', below), mailbox('INBOX.Gesendet.2019', below)]).places, [
    ...['', '.Sent', '.Sent.2019'],
  ])
})

t.test('what the server marks counts before names', async (t) => {
  const all = [mailbox('[Gmail]/Alle', { role: 'archive' }), mailbox('Ausgang', { role: 'sent' }), mailbox('Gesendet')]
  t.same(placed(all), { places: ['.Archive', '.Sent', '.Gesendet'], told: [] })
})

t.test('two for one purpose, what takes the place already, and what was copied before stay', async (t) => {
  const two = 'Gesendet and Sent Items keep their names: the old server has 2 folders for that'
  t.same(placed([mailbox('Gesendet'), mailbox('Sent Items')]), { places: ['.Gesendet', '.Sent Items'], told: [two] })
  const taken = 'Ausgang stays beside Sent: the old server has both'
  t.same(placed([mailbox('Ausgang', { role: 'sent' }), mailbox('Sent')]), {
    places: ['.Ausgang', '.Sent'],
    told: [taken],
  })
  t.same(
    placed([mailbox('Gesendet')], (directory) => directory === '.Gesendet'),
    { places: ['.Gesendet'], told: [] },
  )
})

t.end()
