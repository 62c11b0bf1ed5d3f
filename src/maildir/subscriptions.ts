import { join } from 'node:path'
import { textOf } from './keywords.ts'

const VERSION_2 = 'V\t2'

/** The levels of what Dovecot has subscribed to in a Maildir, as its directories have them. */
export async function subscriptionsIn(root: string): Promise<string[][]> {
  const [first = '', ...rest] = (await textOf(join(root, 'subscriptions'))).split('\n')
  const isNew = first === VERSION_2
  const lines = isNew ? rest : [first, ...rest]
  return lines.filter((line) => line !== '').map((line) => line.split(isNew ? '\t' : '.'))
}
