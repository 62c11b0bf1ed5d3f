import type { SourceFolders, Tunnel } from '../../copying/ports.ts'
import { listPrefix } from './folders.ts'

/** How doveadm reaches the source: through the tunnel alone, which is signed in there. */
export function sourceFields({ port, password }: Tunnel, prefix: string) {
  return {
    ...{ imapc_host: '127.0.0.1', imapc_port: port, imapc_ssl: 'no' },
    ...{ imapc_user: 'postferry', imapc_password: password, imapc_list_prefix: prefix },
  }
}

/** What doveadm asks first, in its own words; of other words nobody takes any harm. */
export function firstCommands(source: SourceFolders): string[] {
  const all = `"${listPrefix(source)}*"`
  const names = source.mailboxes.map(({ mailbox }) => mailbox.name).filter((name) => /^[ !#-[\]-~]*$/.test(name))
  const status = names.map((name) => `STATUS "${name}" (UIDNEXT UIDVALIDITY)`)
  return ['LIST "" ""', `LIST "" ${all}`, ...status, `LSUB "" ${all}`]
}
