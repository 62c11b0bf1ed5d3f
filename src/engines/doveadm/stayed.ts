import type { SourceFolders } from '../../copying/ports.ts'
import type { Result } from '../../model/attempt.ts'
import { decodeName } from '../../model/mailbox.ts'

/** So many are named. */
const SHOWN = 3

const UNSEEN =
  'the old server lists no folder of this person: INBOX and folders with usual names were looked for, a folder with another name stays there'

/** With what stays at the source, and why. */
export function withStayed(result: Result, source: SourceFolders): Result {
  return { ...result, output: [result.output, ...stayed(source)].join('\n').trim() }
}

function stayed({ foreign, isListEmpty = false }: SourceFolders): string[] {
  const names = foreign.slice(0, SHOWN).map(({ name }) => decodeName(name))
  const more = foreign.length > SHOWN ? ` and ${foreign.length - SHOWN} more` : ''
  const shared = foreign.length === 0 ? [] : [`not copied, as shared or other people's: ${names.join(', ')}${more}`]
  return [...shared, ...(isListEmpty ? [UNSEEN] : [])]
}
