/** What mail programs call the folders that nearly everybody has: asked for by name where a server lists none. */
export const USUAL_FOLDERS: readonly string[] = [
  ...['Sent', 'Drafts', 'Trash', 'Junk', 'Spam', 'Archive', 'Archives', 'Templates', 'Notes'],
  ...['Sent Items', 'Sent Messages', 'Deleted Items', 'Deleted Messages', 'Junk E-mail'],
]
