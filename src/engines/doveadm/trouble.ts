import type { Outcome } from '../../model/attempt.ts'
import { ordinary } from '../../model/redact.ts'
import type { Ended } from './doveadm.ts'

/** What doveadm says, in the order in which it counts. */
const SAID: readonly (readonly [RegExp, Outcome])[] = [
  [/no space left|disk quota exceeded|not enough disk space|quota exceeded/i, 'new-full'],
  [/permission denied|read-only file system|EACCES|EROFS|not permitted/i, 'new-unwritable'],
  // The password was right a moment ago.
  [/authentication failed|login to .* failed|too many|disconnected/i, 'old-busy'],
]

/** Why a run of doveadm failed. Its exit code says too little: 2.3 panics after any error of a connection. */
export function troubleOf({ exitCode, error, said }: Ended): Outcome {
  if (error !== null) return error.code === 'ENOENT' ? 'engine-missing' : 'incomplete'
  const text = said.join('\n')
  const outcome = SAID.find(([words]) => words.test(text))?.[1]
  return outcome ?? (exitCode === null ? 'killed' : 'incomplete')
}

const SHOWN = 5
const LENGTH = 500

/** Its last lines, without what may be a name or a secret: servers repeat what they were sent. */
export function shown({ said }: Ended): string {
  return said
    .slice(-SHOWN)
    .map((line) =>
      ordinary(line, (word) => /^(doveadm|imapc|dsync|Error:|Fatal:|Panic:)$/i.test(word)).slice(0, LENGTH),
    )
    .join('\n')
}
