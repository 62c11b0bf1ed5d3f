import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine, EngineRun } from '../../copying/ports.ts'
import { replaceFileFrom } from '../../files/atomic.ts'
import type { Credential } from '../../keys/ports.ts'
import { OUTCOMES, type Outcome, type Result } from '../../model/attempt.ts'
import type { CopyOrder } from '../../model/migration.ts'
import { type End, HAND_OVER, runProcess } from '../process.ts'
import { Output } from './output.ts'

export interface OfflineImapPlace {
  /** The folder of OfflineIMAP's metadata; the same for every way of running it. */
  readonly metadata: string
  readonly program?: string
  /** The offlineimaprc for one order, whose credential is handed over on this descriptor. */
  emit(order: CopyOrder, descriptor: number): AsyncIterable<string>
}

const COPYING = /Copy message UID /

/** Copies with one OfflineIMAP process per attempt. */
export function offlineImap(place: OfflineImapPlace): Engine {
  const { metadata } = place
  return {
    remembers: (id) => existsSync(join(metadata, `Account-m-${id}`)),
    copy: (order, credential, run) => copy(order, credential, run, place),
  }
}

async function copy(
  order: CopyOrder,
  { username, password }: Credential,
  { signal, onMessage }: EngineRun,
  { metadata, program = 'offlineimap', emit }: OfflineImapPlace,
): Promise<Result> {
  const output = new Output()
  const file = join(metadata, `m-${order.id}.rc`)
  try {
    await replaceFileFrom(file, emit(order, HAND_OVER))
  } catch (error) {
    return { outcome: 'new-unwritable', folders: 0, messages: 0, output: (error as Error).message }
  }
  const end = await runProcess({
    program,
    args: ['-1', '-o', '-c', file],
    handOver: `${JSON.stringify({ id: `m-${order.id}`, user: username, password })}\n\n`,
    signal,
    isUrgent: (reason) => reason === 'lost-lock',
    onLine(line) {
      output.read(line)
      if (COPYING.test(line)) onMessage()
    },
  })
  const { folders = 0, messages = 0 } = output.report ?? {}
  const outcome = outcomeOf(end, output, signal)
  const missing = 'OfflineIMAP is missing: apt-get install --yes offlineimap3'
  return { outcome, folders, messages, output: outcome === 'engine-missing' ? missing : output.last() }
}

/** The exit code alone says too little: 0 may be a run that was cut off. */
function outcomeOf({ exitCode, error }: End, { report }: Output, signal: AbortSignal): Outcome {
  if (error !== null) return error.code === 'ENOENT' ? 'engine-missing' : 'incomplete'
  if (report?.complete && exitCode === 0) return 'complete'
  if (signal.aborted) return signal.reason
  if (exitCode === null) return 'killed'
  return OUTCOMES.find((outcome) => outcome === report?.reason && outcome !== 'complete') ?? 'incomplete'
}
