import type { Keyring, Opened } from '../keys/keyring.ts'
import type { Credential } from '../keys/ports.ts'
import type { CopyingState } from '../ledger/ports.ts'
import type { Outcome, Result } from '../model/attempt.ts'
import type { MailboxStatus } from '../model/mailbox.ts'
import { errorText } from '../model/redact.ts'
import { lackOfRoom, type Room } from './free-space.ts'
import type { Engine, Interruption, Look, Looks, Proof, Turn, Turns, Worker } from './ports.ts'
import { isUnchanged, objection } from './precheck.ts'
import { advance, type Ending } from './schedule.ts'

/** What a turn needs around it. */
export interface TurnSurroundings {
  readonly worker: Worker
  readonly turns: Turns
  readonly looks: Looks
  readonly engine: Engine
  readonly keyring: Keyring
  readonly proof: Proof
  readonly copyingState: Pick<CopyingState, 'forgetProofs' | 'dropReceipts' | 'openProofs'>
  readonly room: Room
  /** For all of a turn: the look, the copy and the ledger. */
  readonly limitMs: number
  now(): Date
  /** From 0 to 1. */
  chance(): number
}

/** What whoever runs a turn is told, and how it is ended early. */
export interface TurnRun {
  /** Aborted with an Interruption. */
  readonly signal: AbortSignal
  onMessage(): void
}

/** How a turn ended. */
export interface TurnReport {
  readonly address: string
  readonly ending: Ending
  readonly result: Result | null
  readonly startedAt: Date
  /** Until the next turn; null: a person has to act first, or the migration is finished. */
  readonly waitMs: number | null
  /** What proves the copy, when the migration was closing and is finished now; else null. */
  readonly proof: string | null
}

interface Seen {
  readonly ending: Ending
  readonly result: Result | null
  readonly attemptId: string | null
  readonly mailboxes: readonly MailboxStatus[] | null
}

/** Looks at OLD, copies when there is something to copy, and writes down what has come of it. */
export async function takeTurn(turn: Turn, around: TurnSurroundings, run: TurnRun): Promise<TurnReport> {
  const startedAt = around.now()
  const seen = await withinLimit(turn, around, run)
  const complete = seen.ending === 'complete'
  const plan = advance(turn, seen.ending, around.chance())
  const attempt = seen.result && { id: seen.attemptId, startedAt, result: seen.result }
  const kept = await around.turns.end(turn, around.worker, { plan, attempt, seen: complete ? seen.mailboxes : null })
  const proof = kept?.proof ?? null
  if (proof !== null) around.copyingState.forgetProofs(turn.migrationId)
  return {
    address: turn.address,
    ending: kept === null ? 'lost-lock' : seen.ending,
    result: seen.result,
    startedAt,
    waitMs: plan.situation.state === 'failed' || proof !== null ? null : plan.waitMs,
    proof,
  }
}

async function withinLimit(turn: Turn, around: TurnSurroundings, run: TurnRun): Promise<Seen> {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort('timeout' satisfies Interruption), around.limitMs)
  const signal = AbortSignal.any([run.signal, limit.signal])
  try {
    return await lookAndCopy(turn, around, { ...run, signal })
  } catch (error) {
    const { outcome, output } = broken(error, signal)
    return without(outcome, output)
  } finally {
    clearTimeout(timer)
  }
}

async function lookAndCopy(turn: Turn, around: TurnSurroundings, run: TurnRun): Promise<Seen> {
  const { credential, refused, why } = await opened(turn, around.keyring)
  if (refused !== undefined) return without(refused, why)
  const look = await around.looks.look(turn.order.provider, credential, run.signal, asksSizes(turn))
  if (run.signal.aborted) return without(OUTCOME_OF_CUT_LOOK[run.signal.reason as Interruption])
  if (look.kind !== 'yes') return without(OUTCOME_OF_LOOK[look.kind] ?? (look as Trouble).code, wordsOf(look))
  const { mailboxes } = look
  const objected = objection(turn, mailboxes, around.engine.remembers(turn.migrationId))
  if (objected !== null) return without(objected)
  if (turn.state === 'synced' && turn.isProved && !turn.isClosing && isUnchanged(turn, mailboxes, around.now())) {
    return { ending: 'unchanged', result: null, attemptId: null, mailboxes }
  }
  const lack = lackOfRoom(turn, mailboxes, () => bytesRead(turn, around), around.room)
  if (lack !== null) return without('new-full', lack)
  const attemptId = await around.turns.begin(turn, around.worker)
  const result = await copyAndProve(turn, credential, around, run)
  return { ending: result.outcome, result, attemptId, mailboxes }
}

/** Before all of it is copied, and where a quota bounds it. */
function asksSizes({ seen, quotaBytes }: Turn): boolean {
  return seen === null || quotaBytes !== null
}

function bytesRead({ migrationId }: Turn, { copyingState }: TurnSurroundings): number {
  using proofs = copyingState.openProofs(migrationId)
  return proofs.messages.bytes()
}

/** What the engine calls complete is complete when the ledger says so too. */
async function copyAndProve(
  turn: Turn,
  credential: Credential,
  around: TurnSurroundings,
  run: TurnRun,
): Promise<Result> {
  const copied = await around.engine.copy(turn.order, credential, run)
  try {
    return await prove(copied, turn, credential, around, run)
  } catch (error) {
    const { outcome, output } = broken(error, run.signal)
    return { ...copied, outcome, output: `${copied.output}\n${output}`.trim() }
  }
}

async function prove(
  copied: Result,
  turn: Turn,
  credential: Credential,
  around: TurnSurroundings,
  run: TurnRun,
): Promise<Result> {
  const flaw = copied.outcome === 'complete' ? await around.proof.flaw(turn, credential, run.signal) : null
  if (run.signal.aborted && copied.outcome === 'complete')
    return { ...copied, outcome: run.signal.reason as Interruption }
  if (flaw === null) return copied
  const told = { ...copied, outcome: flaw.outcome, output: `${copied.output}\n${flaw.sentence}`.trim() }
  // By itself once: what is lost again and again may be taken away on purpose.
  if (flaw.lost.length === 0 || turn.code === LOST) return told
  for (const lost of flaw.lost) around.copyingState.dropReceipts(turn.migrationId, lost)
  const again = await copyAndProve({ ...turn, code: LOST }, credential, around, run)
  return { ...again, messages: copied.messages + again.messages, output: `${told.output}\n${again.output}`.trim() }
}

const LOST: Outcome = 'ledger-lost'

/** A turn always comes to its end: who is never given back is taken again and again. */
function broken(error: unknown, { aborted, reason }: AbortSignal): Pick<Result, 'outcome' | 'output'> {
  return {
    outcome: aborted ? (reason as Interruption) : 'incomplete',
    output: `an error ended it: ${errorText(error)}`,
  }
}

type Trouble = Extract<Look, { kind: 'trouble' }> & { code: Outcome }

/** Nothing was copied yet. */
const OUTCOME_OF_CUT_LOOK: Readonly<Record<Interruption, Outcome>> = {
  ...{ stopped: 'stopped', 'lost-lock': 'lost-lock', timeout: 'old-timeout' },
}

const OUTCOME_OF_LOOK: Readonly<Partial<Record<Look['kind'], Outcome>>> = {
  no: 'credential-refused',
  // The person renews it there, and is then let in by a right sign-in.
  expired: 'credential-refused',
  disabled: 'old-disabled',
}

function without(outcome: Outcome, output = ''): Seen {
  return { ending: outcome, result: { outcome, folders: 0, messages: 0, output }, attemptId: null, mailboxes: null }
}

function wordsOf(look: Look): string {
  if (look.kind !== 'trouble') return ''
  return (look.cause instanceof Error ? look.cause.message : String(look.cause ?? '')).slice(0, 500)
}

async function opened({ sealed, address, order }: Turn, keyring: Keyring): Promise<Opened> {
  if (sealed === null) return { refused: 'credential-unopened', why: 'no credential is kept' }
  return await keyring.open({ address, sealed, provider: order.provider })
}
