import type { Stranded } from '../copying/copying-hosts.ts'
import type { Outcome } from '../model/attempt.ts'

/** What helps against a code, as an administrator can do it in the panel. */
export type Remedy = 'set-password' | 'retry' | 'set-quota' | 'leave-filters' | 'look-at-ledger' | 'look-at-provider'

interface NextStep {
  /** What the code means. */
  readonly what: string
  /** What to do, with the commands. */
  readonly step: string
  /** In the order of what to try. */
  readonly remedies: readonly Remedy[]
}

/** What a code means and what to do, where it stopped a migration or stays with it; null: nothing. */
export function nextStep(code: string | null): string | null {
  const known = stepFor(code)
  return known && `${known.what}: ${known.step}`
}

/** The same in parts. */
export function stepFor(code: string | null): NextStep | null {
  return NEXT_STEPS[code as Outcome] ?? null
}

const NEXT_STEPS: Readonly<Partial<Record<Outcome, NextStep>>> = {
  'credential-refused': {
    what: 'the old server refuses the kept password',
    step:
      'the next sign-in that the old server accepts renews it, and so does "postferry migration set-password"; until then ' +
      "the provider's --after-refusal says whether the new server lets the person in",
    remedies: ['set-password', 'retry'],
  },
  'credential-unopened': {
    what: 'no password is kept, or no identity of the copying host opens it',
    step:
      'install the right identity file there; the next right sign-in seals the password again, and so does "postferry ' +
      'migration set-password"',
    remedies: ['set-password', 'retry'],
  },
  'endpoint-changed': {
    what: "the provider's host, port, TLS mode or certificate is not the one that the copying host has approved",
    step:
      'check "postferry provider show"; if it is right, run "postferry provider approve" on the copying host, which then ' +
      'continues',
    remedies: ['look-at-provider'],
  },
  'old-recreated': {
    what: 'the old server has recreated a mailbox (its UIDVALIDITY changed)',
    step: 'nothing was copied or deleted; restore the mailbox there, or exclude it, then run "postferry migration retry"',
    remedies: ['retry', 'look-at-provider'],
  },
  'old-shrunk': {
    what: 'the old server suddenly holds much less mail',
    step: 'nothing was copied or deleted; if that is right, run "postferry migration retry"',
    remedies: ['retry'],
  },
  'state-lost': {
    what: 'the sync state of this person is gone',
    step:
      'restore its folder, or run "postferry migration retry", which copies nothing twice but brings back what the person ' +
      'moved or deleted on the new server',
    remedies: ['retry'],
  },
  'ledger-differs': {
    what: 'not everything is on the new server',
    step: 'the next attempts try again; "postferry verify" lists each message, and --accept accepts the differences',
    remedies: ['look-at-ledger', 'retry'],
  },
  'ledger-lost': {
    what: 'messages that were delivered to the new server are not there, and no ledger has ever seen them',
    step:
      'they were copied again once; check the disk, and what empties the mailbox; then "postferry migration retry" copies ' +
      'them again, or "postferry verify" lists each one, and --accept accepts the loss',
    remedies: ['look-at-ledger', 'retry'],
  },
  'ledger-shrunk': {
    what: 'much of what was copied is no longer on the new server',
    step: 'ask the person, check the disk; "postferry verify" lists each message, and --accept accepts the loss',
    remedies: ['look-at-ledger'],
  },
  'filters-stay': {
    what: 'filters (Sieve scripts) of the person cannot come along, or cannot be read at the old server',
    step:
      'the last attempt says why; the next ones try again, and "postferry migration leave-filters" lets the person come ' +
      'without them',
    remedies: ['leave-filters', 'retry'],
  },
  'worker-died': {
    what: 'the worker has died in each of the last flips of this person',
    step:
      'the person works on the old server, as before; "journalctl -u postferry-sync" and "journalctl -k" say what has ended ' +
      'it (often the lack of memory: doveadm takes three times the largest message); then run "postferry migration retry"',
    remedies: ['retry'],
  },
  'new-full': {
    what: 'no room on the new server (disk or quota)',
    step: 'make room, then run "postferry migration retry"',
    remedies: ['set-quota', 'retry'],
  },
  'new-unwritable': {
    what: 'the home on the new server is not writable',
    step: 'check its owner and modes, then run "postferry migration retry"',
    remedies: ['retry'],
  },
}

/** What an attempt came to whose next one is made by itself. */
const ENDINGS: Readonly<Partial<Record<Outcome, string>>> = {
  incomplete: 'a part was copied; the next attempt goes on',
  'old-unreachable': 'the old server cannot be reached',
  'old-timeout': 'the old server does not answer in time',
  'old-tls': 'the certificate of the old server is not trusted, or TLS failed',
  'old-busy': 'the old server takes no more connections at this moment',
  'old-spent':
    'what may be read at the old server within a day was read (--daily-bytes); the rest comes from midnight UTC on',
  'old-protocol': 'the old server answered something unexpected',
  'old-disabled': 'the old server says that the account is disabled',
  'old-no-sign-in': 'the old server does not let this person in at this moment',
  locked: 'another attempt for this person is running',
  timeout: 'the time for one attempt was over; the next one goes on',
  killed: 'the engine was ended from outside',
  stopped: 'the worker was stopped, or connections were needed for sign-ins',
  'lost-lock': 'the worker lost touch with the database; another one goes on',
  'engine-missing': 'the engine cannot run on the copying host: "postferry doctor" there says why',
}

/** How an attempt ended, in words; null: it has none besides its outcome. */
export function endingText(outcome: Outcome): string | null {
  return stepFor(outcome)?.what ?? ENDINGS[outcome] ?? null
}

/** One line about people whom no worker copies. */
export function strandedText({ host, folder, people }: Stranded): string {
  const who = people === 1 ? '1 person is due' : `${people} people are due`
  return `${who} whose sync state is where no worker runs: ${[host, folder].filter((part) => part !== '').join(', ')}`
}

export const STRANDED_STEP =
  'run "postferry sync" there, or bring that folder here (POSTFERRY_OFFLINEIMAP_METADATA); when it is lost, ' +
  '"postferry migration retry", from an hour after the last work there on, or "postferry sync --adopt" here at once: that ' +
  'copies nothing twice but brings back what people moved or deleted on the new server'
