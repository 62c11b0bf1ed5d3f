import type { DestinationMail, DestinationTree, EngineRecords, KnownFiles } from '../../ledger/ports.ts'
import { liveNames, subscribedNames } from './both.ts'
import { openPlace } from './place.ts'
import { openSession, type Session } from './session.ts'
import { shownMessages } from './shown.ts'
import { usable } from './version.ts'

interface ShownDeps {
  readonly dovecotConf: string | null
  /** Reads the files of a Maildir in the home. */
  readonly files: DestinationMail
  readonly directoriesOf: EngineRecords['directoriesOf']
}

/** The destination's mail: of a plain Maildir its files, and else what Dovecot shows. */
export function shownMail({ dovecotConf, files, directoriesOf }: ShownDeps): DestinationMail {
  if (dovecotConf === null) return files
  return {
    titleOf: files.titleOf,
    async open(home, known, sourceUids, address, signal = new AbortController().signal) {
      const dovecot = await usable(dovecotConf)
      if (dovecot.storage.isPlain) return await files.open(home, known, sourceUids)
      await using opened = new AsyncDisposableStack()
      const whose = { id: '0', home, ...(address !== undefined && { address }) }
      const place = opened.use(await openPlace(whose, dovecot, {}))
      const session = opened.use(await openSession(place, signal))
      const tree = await treeOf(session, known, { titleOf: files.titleOf, directoriesOf })
      const held = opened.move()
      return { ...tree, close: async () => await held.disposeAsync() }
    },
  }
}

async function treeOf(
  session: Session,
  known: KnownFiles,
  { titleOf, directoriesOf }: { titleOf: DestinationMail['titleOf'] } & Pick<ShownDeps, 'directoriesOf'>,
): Promise<DestinationTree> {
  const nameOf = await liveNames(session, { directoriesOf })
  return {
    directories: [...nameOf.keys()],
    titleOf,
    async read(directory) {
      const name = nameOf.get(directory)
      if (name === undefined) return []
      const { messages, files } = await shownMessages(session, name, known.of(directory))
      known.keep(directory, files)
      return messages.map(({ uid: _, ...message }) => ({ ...message, directory, copyOf: null }))
    },
    // What a storage cannot hold is missing then, and told so.
    onlyKeywords: async () => null,
    subscribed: () => subscribedNames(session),
  }
}
