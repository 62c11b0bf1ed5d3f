import type { Foreseen, ForeseenMailbox, SourceFolders, Tunnel } from '../../copying/ports.ts'
import type { MailboxStatus } from '../../model/mailbox.ts'
import { listPrefix } from './folders.ts'

/** How doveadm reaches the source: through the tunnel alone, which is signed in there. */
export function sourceFields({ port, password }: Tunnel, prefix: string) {
  return {
    ...{ imapc_host: '127.0.0.1', imapc_port: port, imapc_ssl: 'no' },
    ...{ imapc_user: 'postferry', imapc_password: password, imapc_list_prefix: prefix },
  }
}

/** What doveadm asks first, in its own words; of other words nobody takes any harm. */
export function firstCommands(source: SourceFolders): Foreseen[] {
  const all = `"${listPrefix(source)}*"`
  const told = new Map((source.status ?? []).map((status) => [status.name, status]))
  const names = source.mailboxes.map(({ mailbox }) => mailbox.name).filter(isPlain)
  return [
    { text: 'LIST "" ""' },
    { text: `LIST "" ${all}` },
    ...names.map((name) => statusOf(name, told.get(name))),
    { text: `LSUB "" ${all}` },
  ]
}

/** As doveadm opens them. @param names in its order */
export function mailboxesToOpen({ status = [] }: SourceFolders, names: readonly string[]): ForeseenMailbox[] {
  const told = new Map(status.map((status) => [status.name, status]))
  return names.map((name) => ({
    opening: isPlain(name) ? `EXAMINE "${name}"` : null,
    messages: told.get(name)?.messages ?? Number.POSITIVE_INFINITY,
    bytes: told.get(name)?.size ?? null,
  }))
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
