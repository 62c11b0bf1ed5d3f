import type { Stranded } from '../copying/copying-hosts.ts'
import type { Outcome } from '../model/attempt.ts'

/** What a code means and what to do, where it stopped a migration or stays with it; null: nothing. */
export function nextStep(code: string | null): string | null {
  return NEXT_STEPS[code as Outcome] ?? null
}

const NEXT_STEPS: Readonly<Partial<Record<Outcome, string>>> = {
  'credential-refused':
    'the old server refuses the kept password: the next sign-in that the old server accepts renews it, and so does ' +
    '"postferry migration set-password"; until then the provider\'s --after-refusal says whether the new server lets the ' +
    'person in',
  'credential-unopened':
    'no password is kept, or no identity of the copying host opens it: install the right identity file there; the next ' +
    'right sign-in seals the password again, and so does "postferry migration set-password"',
  'endpoint-changed':
    "the provider's host, port, TLS mode or certificate is not the one that the copying host has approved: check " +
    '"postferry provider show"; if it is right, run "postferry provider approve" on the copying host, which then continues',
  'old-recreated':
    'the old server has recreated a mailbox (its UIDVALIDITY changed): nothing was copied or deleted; restore the mailbox ' +
    'there, or exclude it, then run "postferry migration retry"',
  'old-shrunk':
    'the old server suddenly holds much less mail: nothing was copied or deleted; if that is right, run "postferry ' +
    'migration retry"',
  'state-lost':
    'the sync state of this person is gone: restore its folder, or run "postferry migration retry", which copies nothing ' +
    'twice but brings back what the person moved or deleted on the new server',
  'ledger-differs':
    'not everything is on the new server: the next attempts try again; "postferry verify" lists each message, and --accept ' +
    'accepts the differences',
  'ledger-lost':
    'messages that were delivered to the new server are not there, and no ledger has ever seen them: they were copied again ' +
    'once; check the disk, and what empties the mailbox; then "postferry migration retry" copies them again, or "postferry ' +
    'verify" lists each one, and --accept accepts the loss',
  'ledger-shrunk':
    'much of what was copied is no longer on the new server: ask the person, check the disk; "postferry verify" lists each ' +
    'message, and --accept accepts the loss',
  'new-full': 'no room on the new server (disk or quota): make room, then run "postferry migration retry"',
  'new-unwritable':
    'the home on the new server is not writable: check its owner and modes, then run "postferry migration retry"',
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
