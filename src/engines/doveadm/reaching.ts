import type { Foreseen, SourceFolders, Tunnel } from '../../copying/ports.ts'
import type { MailboxStatus } from '../../model/mailbox.ts'
import { listPrefix } from './folders.ts'

/** How doveadm reaches the source: through the tunnel alone, which is signed in there. */
export function sourceFields({ port, password }: Tunnel, prefix: string) {
  return {
    ...{ imapc_host: '127.0.0.1', imapc_port: port, imapc_ssl: 'no' },
    ...{ imapc_user: 'postferry', imapc_password: password, imapc_list_prefix: prefix },
  }
}

/**
 * What doveadm asks first, in its own words; of other words nobody takes any harm.
 * @param opened the mailbox that it opens first; null: nobody knows
 */
export function firstCommands(source: SourceFolders, opened: string | null): Foreseen[] {
  const all = `"${listPrefix(source)}*"`
  const told = new Map((source.status ?? []).map((status) => [status.name, status]))
  const names = source.mailboxes.map(({ mailbox }) => mailbox.name).filter(isPlain)
  return [
    { text: 'LIST "" ""' },
    { text: `LIST "" ${all}` },
    ...names.map((name) => statusOf(name, told.get(name))),
    { text: `LSUB "" ${all}` },
    ...(opened !== null && isPlain(opened) ? [{ text: `EXAMINE "${opened}"` }] : []),
  ]
}

function statusOf(name: string, told: MailboxStatus | undefined): Foreseen {
  const text = `STATUS "${name}" (UIDNEXT UIDVALIDITY)`
  if (told?.uidValidity == null || told.uidNext === 0) return { text }
  return { text, answer: `* STATUS "${name}" (UIDNEXT ${told.uidNext} UIDVALIDITY ${told.uidValidity})` }
}

/** It is quoted, and nothing in it. */
function isPlain(name: string): boolean {
  return /^[ !#-[\]-~]*$/.test(name)
}
