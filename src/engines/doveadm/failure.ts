import type { Tunnel } from '../../copying/ports.ts'
import { OUTCOMES, type Outcome, type Result } from '../../model/attempt.ts'
import { backoffIn, backoffText } from '../../model/backoff.ts'
import { CouldNotAsk } from '../../model/ledger.ts'
import { Told } from '../../model/not-flipped.ts'
import { errorText } from '../../model/redact.ts'
import { DoveadmError } from './doveadm.ts'
import { RootsMail } from './place.ts'
import { UnfitStorage } from './storage.ts'

/** An attempt that has copied nothing. */
export function ended(outcome: Outcome, output: string): Result {
  return { folders: 0, messages: 0, outcome, output }
}

/** What an error comes to that has ended an attempt. */
export function failure(error: unknown, tunnel: Tunnel | undefined, signal: AbortSignal): Result {
  if (signal.aborted) return ended(signal.reason, '')
  if (error instanceof DoveadmError) {
    const code = tunnel?.trouble() ?? null
    const result = ended(code === null ? error.outcome : outcomeNamed(code), error.message)
    const waitMs = backoffIn(error.end.said.join('\n'))
    if (waitMs === null) return result
    return { ...result, outcome: 'old-busy', output: `${result.output}\n${backoffText(waitMs)}`, waitMs }
  }
  if (error instanceof Told) return ended(error.outcome, error.message)
  if (error instanceof CouldNotAsk) return ended(outcomeNamed(error.code), error.message)
  if (error instanceof UnfitStorage) return ended('engine-missing', error.message)
  if (error instanceof RootsMail) return ended('new-unwritable', error.message)
  const { code } = error as NodeJS.ErrnoException
  return ended(FILE_TROUBLE[code ?? ''] ?? 'incomplete', errorText(error))
}

const FILE_TROUBLE: Readonly<Record<string, Outcome>> = {
  ...{ ENOSPC: 'new-full', EDQUOT: 'new-full' },
  ...{ EACCES: 'new-unwritable', EPERM: 'new-unwritable', EROFS: 'new-unwritable' },
}

function outcomeNamed(code: string | null): Outcome {
  return OUTCOMES.find((outcome) => outcome === code) ?? 'incomplete'
}
