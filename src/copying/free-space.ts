import type { MailboxStatus } from '../model/mailbox.ts'
import type { Job } from './ports.ts'

/** Room on the destination's disks. */
export interface Room {
  /** How many bytes more may be copied into a home, so that what is to be kept free for others stays so. */
  left(home: string): number
}

/**
 * Why what the source holds will not fit into the destination, or null: before anything of it is copied.
 * @param known how many bytes of the source's messages ledgers have read, for a source that does not tell how large its
 * mailboxes are
 */
export function lackOfRoom(
  { order, quotaBytes, seen, hasCopied }: Job,
  now: readonly MailboxStatus[],
  known: () => number,
  room: Room,
): string | null {
  const total = sizeOf(now)
  const holds = quotaBytes === null ? 0 : (total ?? known())
  if (quotaBytes !== null && holds > quotaBytes) {
    return `the old server holds ${bytesText(holds)}, and the quota is ${bytesText(quotaBytes)}`
  }
  const left = room.left(order.home)
  const fresh = freshBytes(total, seen === null ? null : sizeOf(seen), hasCopied)
  if ((fresh ?? 1) <= Math.max(0, left)) return null
  const free = `the new server has room for ${bytesText(Math.max(0, left))} beside what is kept free`
  return fresh === null ? free : `${bytesText(fresh)} are to be copied, and ${free}`
}

/** What is to be copied; null: that is not known. */
function freshBytes(total: number | null, before: number | null, hasCopied: boolean): number | null {
  if (total === null) return null
  if (before !== null) return Math.max(0, total - before)
  return hasCopied ? null : total
}

/** Null: the source does not tell it of all. */
function sizeOf(mailboxes: readonly MailboxStatus[]): number | null {
  const sizes = mailboxes.map(({ size }) => size ?? null)
  return sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB']

export function bytesText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  const value = bytes / 1000 ** power
  return `${power === 0 ? value : value.toFixed(1)} ${UNITS[power]}`
}
