import { Told } from '../../model/not-flipped.ts'
import { runProcess } from '../process.ts'
import type { Place } from './place.ts'

/** What was done is on the disk then, dates and names included. @throws when the disk cannot keep it */
export async function toDisk({ home, owner, isPlain }: Place, signal: AbortSignal): Promise<void> {
  // Where else mail lies is Dovecot's business.
  const args = isPlain ? ['--file-system', '--', home] : []
  const end = await runProcess({ program: 'sync', args, owner, signal, isUrgent: () => true, onLine: () => undefined })
  if (end.exitCode !== 0) throw new Told('the new server cannot keep what was copied')
}
