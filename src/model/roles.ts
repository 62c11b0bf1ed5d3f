import { decodeName, type Mailbox } from './mailbox.ts'

/** What a folder is for (RFC 6154). */
export const ROLES = ['sent', 'drafts', 'trash', 'junk', 'archive'] as const
export type Role = (typeof ROLES)[number]

/** Whether folders of these roles keep their names at the destination. */
export const ROLE_CHOICES = ['keep', 'map'] as const

/** What the folders are called where nobody says otherwise. */
export const USUAL: Readonly<Record<Role, string>> = {
  ...{ sent: 'Sent', drafts: 'Drafts', trash: 'Trash', junk: 'Junk', archive: 'Archive' },
}

/** What mail programs and servers call them, in small letters. */
const NAMES: Readonly<Record<Role, readonly string[]>> = {
  sent: [
    ...['sent', 'sent items', 'sent messages', 'sent mail', 'sent-mail', 'gesendet', 'gesendete objekte'],
    ...['gesendete elemente', 'gesendete nachrichten', 'envoyés', 'éléments envoyés', 'messages envoyés', 'enviados'],
    ...['elementos enviados', 'inviati', 'posta inviata', 'verzonden', 'verzonden items', 'wysłane', 'отправленные'],
    ...['skickat', 'sendt', 'sendte elementer', 'odeslané', 'odeslaná pošta'],
  ],
  drafts: [
    ...['drafts', 'draft', 'entwürfe', 'brouillons', 'borradores', 'bozze', 'concepten', 'rascunhos', 'utkast'],
    ...['wersje robocze', 'kopie robocze', 'черновики', 'kladder', 'koncepty', 'rozepsané'],
  ],
  trash: [
    ...['trash', 'deleted', 'deleted items', 'deleted messages', 'papierkorb', 'gelöscht', 'gelöschte objekte'],
    ...['gelöschte elemente', 'corbeille', 'éléments supprimés', 'papelera', 'elementos eliminados', 'cestino'],
    ...['posta eliminata', 'prullenbak', 'verwijderde items', 'lixeira', 'kosz', 'корзина', 'papperskorg', 'koš'],
  ],
  junk: [
    ...['junk', 'junk e-mail', 'junk email', 'junk-e-mail', 'spam', 'bulk mail', 'spamverdacht', 'unerwünscht'],
    ...['courrier indésirable', 'pourriel', 'correo no deseado', 'posta indesiderata', 'ongewenste e-mail'],
    ...['niechciane', 'спам', 'skräppost', 'nevyžádaná pošta'],
  ],
  archive: ['archive', 'archives', 'archiv', 'archivio', 'archivo', 'arquivo', 'archief', 'archiwum', 'архив', 'arkiv'],
}

const ATTRIBUTES: Readonly<Record<string, Role>> = {
  ...{ '\\sent': 'sent', '\\drafts': 'drafts', '\\trash': 'trash', '\\junk': 'junk', '\\archive': 'archive' },
}

/** The role that an attribute of LIST names; null: none. */
export function roleOfAttribute(attribute: string): Role | null {
  return ATTRIBUTES[attribute.toLowerCase()] ?? null
}

/** The role of a folder by its name, of those at the top alone; null: it has none. */
export function roleOfName({ name, prefix }: Pick<Mailbox, 'name' | 'prefix'>): Role | null {
  const title = decodeName(name.startsWith(prefix) ? name.slice(prefix.length) : name)
    .toLowerCase()
    .normalize('NFC')
  return ROLES.find((role) => NAMES[role].includes(title)) ?? null
}
