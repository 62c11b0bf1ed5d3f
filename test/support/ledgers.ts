import { chown } from 'node:fs/promises'
import { join } from 'node:path'
import { oldMail } from '../../src/imap/listing.ts'
import { newMail } from '../../src/maildir/listing.ts'
import { type Ledger, totalOf } from '../../src/model/ledger.ts'
import { decodeName } from '../../src/model/mailbox.ts'
import type { CopyOrder } from '../../src/model/migration.ts'
import type { Ledgers } from '../../src/policy/ledger-ports.ts'
import { type VerifyOptions, verify } from '../../src/policy/verify.ts'
import { copyingState } from '../../src/proofs/copying-state.ts'
import type { Copying } from './copying.ts'

/** Ledgers as the database keeps them, in memory. */
export function keptInMemory(): Ledgers {
  const kept = new Map<string, Ledger>()
  return {
    save: async (id, ledger) => void kept.set(id, ledger),
    find: async (id) => kept.get(id) ?? null,
    latest: async (id) => kept.get(id) ?? null,
    folders: async (id) => [...(kept.get(id)?.folders ?? [])],
  }
}

/** Compares what was copied for an order. */
export async function verifyCopy(
  copying: Copying,
  order: CopyOrder,
  [username, password]: readonly [string, string],
  ledgers: Ledgers = keptInMemory(),
  options: VerifyOptions & { metadata?: string } = {},
): Promise<Ledger> {
  const { id: migrationId, home, provider } = order
  const { metadata = join(copying.folder, 'metadata') } = options
  const surroundings = { oldMail, newMail, copyingState: copyingState(() => metadata), ledgers }
  return await verify({ migrationId, home, provider, username, password }, surroundings, options)
}

/** Each difference in a line: `kind folder UID old → new`; and folders that are not there. */
export function told(ledger: Ledger): string[] {
  const folders = ledger.folders
    .filter(({ state }) => state !== 'there')
    .map(({ name, state, remark }) => `folder ${decodeName(name)} ${state}${remark === null ? '' : `: ${remark}`}`)
  const messages = ledger.differences.map(({ kind, folder, uid, old, now }) => {
    return `${kind} ${decodeName(folder)} ${uid} ${old} → ${now}`
  })
  return [...folders, ...messages]
}

/** What a ledger comes to. */
export function summary(ledger: Ledger) {
  const { messages, proved, extra, duplicated, faults, changes } = totalOf(ledger.folders)
  return { code: ledger.code, fetched: ledger.fetched, messages, proved, extra, duplicated, faults, changes }
}

/** Gives a file to whom NEW's mail belongs. */
export async function giveToNew(copying: Copying, path: string): Promise<void> {
  const { uid, gid } = copying.new.mailOwner
  await chown(path, uid, gid)
}
