import { NotFlipped } from '../../model/not-flipped.ts'
import { runProcess } from '../process.ts'

const ANSWER_LIMIT_MS = 15_000

const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [
    /^\s*(?:mail_)?location = \S*:(?:INDEX|CONTROL|ALT|VOLATILEDIR)=/m,
    'it keeps a part of each mailbox elsewhere (INDEX=, CONTROL=, ALT=)',
  ],
  [
    /^\s*mail_(?:index|control|alt|volatile)_path = ./m,
    'it keeps a part of each mailbox elsewhere (mail_index_path and others)',
  ],
  [plugin('mail_crypt'), 'it encrypts mail to keys of the person (mail_crypt)'],
  [plugin('(?:zlib|mail_compress|fs_compress)'), 'its files are not the messages (zlib, mail_compress, fs_compress)'],
  [
    plugin('replication'),
    'it replicates mailboxes: a mailbox that is put aside would be deleted elsewhere (replication)',
  ],
]

function plugin(name: string): RegExp {
  return new RegExp(`^\\s*(?:mail_plugins = (?:.*[\\s"])?${name}(?:[\\s"]|$)|${name} = yes$)`, 'm')
}

/** Why the new server's mailboxes are no single folder that can be renamed; null: nothing says so. */
export function storageFlaw(configuration: string): string | null {
  // Another Dovecot may run on a copying host.
  if (!configuration.includes('postferry')) return null
  return ELSEWHERE.find(([pattern]) => pattern.test(configuration))?.[1] ?? null
}

const KEPT_MS = 60_000
let last: { readonly at: number; readonly flaw: Promise<string | null> } | undefined

/**
 * Its configuration is read once a minute; where it cannot be read here, "postferry doctor --before flip" has looked.
 * @throws NotFlipped
 */
export async function refuseStorage(): Promise<void> {
  const now = performance.now()
  if (last === undefined || now - last.at > KEPT_MS) {
    last = { at: now, flaw: readFlaw() }
    last.flaw.catch(() => {
      last = undefined
    })
  }
  const flaw = await last.flaw
  if (flaw !== null) throw new NotFlipped(`this host's Dovecot cannot take a mailbox that is put in place: ${flaw}`)
}

/** There is no doveconf here, or none for this user. */
const MISSING: readonly unknown[] = ['ENOENT', 'EACCES']

async function readFlaw(): Promise<string | null> {
  const lines: string[] = []
  const { exitCode, error } = await runProcess({
    program: 'doveconf',
    args: ['-n'],
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    isUrgent: () => true,
    onLine: (line) => void lines.push(line),
    onErrorLine: () => undefined,
  })
  if (exitCode === null && !MISSING.includes(error?.code)) {
    throw new NotFlipped(
      `doveconf -n does not say how this host's Dovecot stores mail: ${error?.message ?? 'no answer in time'}`,
    )
  }
  return storageFlaw(lines.join('\n'))
}
