import t from 'tap'
import { byRole } from '../../../src/engines/doveadm/roles.ts'
import { directoriesOf } from '../../../src/engines/offlineimap/names.ts'
import { encodeName, type Mailbox } from '../../../src/model/mailbox.ts'
import { USUAL } from '../../../src/model/roles.ts'

const mailbox = (title: string, more: Partial<Mailbox> = {}): Mailbox => {
  return { name: title === 'INBOX' ? title : encodeName(title), separator: '/', prefix: '', ...more }
}
const NOTHING: ReadonlyMap<string, string> = new Map()
const placed = (
  all: readonly Mailbox[],
  isKept: (directory: string) => boolean = () => false,
  { noted = NOTHING, folders = USUAL } = {},
) => {
  const { directories, told } = byRole(all, { folders, directoriesOf, isKept, noted })
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

t.test(
  'what has gone somewhere stays there, whatever comes at the old server or is called otherwise here',
  async (t) => {
    const noted = new Map([['Sent Items', '.Sent']])
    const later = (titles: readonly string[], folders = USUAL) =>
      placed(
        titles.map((title) => mailbox(title)),
        undefined,
        { noted, folders },
      )
    const aside = 'Sent has another name here: the folder that was copied into its place stays there'
    const { places, told } = later(['Sent Items', 'Sent'])
    t.same(told, [aside])
    t.equal(places[0], '.Sent')
    t.match(places[1], /^\.Sent \([0-9a-f]{8}\)$/)
    t.same(later(['Sent Items', 'Gesendet']), { places: ['.Sent', '.Gesendet'], told: [] })
    t.same(later(['Sent Items', 'Sent Items/2025']), { places: ['.Sent', '.Sent.2025'], told: [] })
    t.same(later(['Sent Items'], { ...USUAL, sent: 'Gesendet' }), { places: ['.Sent'], told: [] })
    t.same(later(['Sent']), { places: ['.Sent'], told: [] }, 'where the old server has called it otherwise')
  },
)

t.end()
