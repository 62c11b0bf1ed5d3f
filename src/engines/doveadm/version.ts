import { runProcess } from '../process.ts'
import { type Storage, storageIn, UnfitStorage } from './storage.ts'

/** A Dovecot whose doveadm is known here. */
export interface Dovecot {
  /** As it says itself: `2.3.19.1`. */
  readonly version: string
  readonly kind: '2.3' | '2.4'
}

export const KINDS: readonly string[] = ['2.3', '2.4'] satisfies Dovecot['kind'][]
const ANSWER_LIMIT_MS = 15_000

type Found = { readonly version: string; readonly kind: Dovecot['kind'] | null } | null

const KEPT_MS = 60_000
let last: { readonly at: number; readonly found: Promise<Found> } | undefined

/**
 * What is installed here, looked at once a minute. Null: nothing, or what does not run. `kind` is null for a version that
 * is not known here.
 */
export async function installed(): Promise<Found> {
  const now = performance.now()
  if (last === undefined || now - last.at > KEPT_MS) last = { at: now, found: look() }
  return await last.found
}

/** What is installed here, and how it stores mail. @throws UnfitStorage */
export async function usable(dovecotConf: string | null): Promise<Dovecot & { readonly storage: Storage }> {
  const { version = '', kind = null } = (await installed()) ?? {}
  if (kind === null) throw new UnfitStorage('no doveadm that is known here: apt-get install --yes dovecot-core')
  return { version, kind, storage: await storageIn(dovecotConf, { version, kind }) }
}

async function look(): Promise<Found> {
  let version: string | null = null
  const end = await runProcess({
    program: 'sh',
    // Only root has its folder in PATH.
    args: ['-c', 'PATH="$PATH:/usr/sbin:/sbin"; command -v doveadm >&2 && exec dovecot --version'],
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    isUrgent: () => true,
    onErrorLine: () => undefined,
    onLine(line) {
      version ??= /^\d[\w.]*/.exec(line)?.[0] ?? null
    },
  })
  if (end.exitCode !== 0 || version === null) return null
  const kind = KINDS.find((known) => `${version}.`.startsWith(`${known}.`)) as Dovecot['kind'] | undefined
  return { version, kind: kind ?? null }
}
