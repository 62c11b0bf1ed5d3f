/** How an attempt ended. Stable words: lists, dashboards and the database rely on them. */
export const OUTCOMES = [
  'complete',
  'incomplete',
  'ledger-differs',
  'ledger-lost',
  'ledger-shrunk',
  'credential-refused',
  'credential-unopened',
  'endpoint-changed',
  'old-unreachable',
  'old-timeout',
  'old-tls',
  'old-busy',
  'old-protocol',
  'old-disabled',
  'old-no-sign-in',
  'old-recreated',
  'old-shrunk',
  'state-lost',
  'new-full',
  'new-unwritable',
  'locked',
  'timeout',
  'killed',
  'stopped',
  'lost-lock',
  'engine-missing',
] as const
export type Outcome = (typeof OUTCOMES)[number]

/** One run of a copying engine for one migration. */
export interface Attempt {
  readonly id: string
  readonly host: string
  readonly startedAt: Date
  /** Null: at work, or its worker died. */
  readonly endedAt: Date | null
  readonly outcome: Outcome | null
  readonly folders: number
  readonly messages: number
  /** The engine's last lines, without secrets. */
  readonly output: string
}

/** What is kept of how an attempt ended. */
export type Result = Pick<Attempt, 'folders' | 'messages' | 'output'> & { readonly outcome: Outcome }

/** What a person has to know and do about an outcome that stopped a migration, or that stays with it. */
export const REMEDIES: Readonly<Partial<Record<Outcome, string>>> = {
  'credential-refused':
    'the old server refuses the kept password: the next sign-in that is right there renews it, or ' +
    '"postferry migration set-password"; until then the new server admits or refuses the person as the provider says ' +
    '(--after-refusal)',
  'credential-unopened':
    'no credential is kept any more, or no identity of the copying host opens it: put the right identity there; or the ' +
    'next right sign-in seals it anew, or "postferry migration set-password"',
  'endpoint-changed':
    'the old server is at another place, or proves itself in another way, than this host has approved: look at ' +
    '"postferry provider show"; when it is right, "postferry provider approve" on the copying host, which goes on',
  'old-recreated':
    'a mailbox of the old server was made anew (UIDVALIDITY changed): nothing was copied or deleted; restore it there, ' +
    'or exclude that mailbox, then "postferry migration retry"',
  'old-shrunk':
    'the old server suddenly holds much less than before: nothing was copied or deleted; when that is right, ' +
    '"postferry migration retry"',
  'state-lost':
    'what OfflineIMAP remembered of this person is gone: restore its metadata, or "postferry migration retry", which ' +
    'copies nothing twice but brings back what the person moved or deleted on the new server',
  'ledger-differs':
    'not everything is across: the next attempts try again; "postferry verify" names each message, and --accept takes ' +
    'what is right as it is',
  'ledger-lost':
    'messages that were copied to the new server are not there, and never were when it was looked at: they were copied ' +
    'again once; look at the disk, and at what empties the mailbox; then "postferry migration retry" copies them again, or ' +
    '"postferry verify" names each one, and --accept takes it as right',
  'ledger-shrunk':
    'much of what was copied is not on the new server any more: ask the person, look at the disk; "postferry verify" ' +
    'names each message, and --accept takes it as right',
  'new-full': 'the new server has no room (disk or quota): make room, then "postferry migration retry"',
  'new-unwritable':
    'the home on the new server cannot be written: check owner and modes, then "postferry migration retry"',
}
