import type { Tunnel } from '../../copying/ports.ts'
import type { Credential } from '../../keys/ports.ts'
import { signInNames } from '../../model/master.ts'

/** How doveadm reaches the source: through the tunnel alone. */
export function sourceFields({ port }: Tunnel, { username, password }: Credential, prefix: string) {
  const { authzid, authcid } = signInNames(username)
  return {
    ...{ imapc_host: '127.0.0.1', imapc_port: port, imapc_ssl: 'no' },
    ...(authzid === '' ? { imapc_user: authcid } : { imapc_user: authzid, imapc_master_user: authcid }),
    ...{ imapc_password: password, imapc_list_prefix: prefix },
  }
}
