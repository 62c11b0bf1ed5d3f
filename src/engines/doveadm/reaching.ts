import type { Tunnel } from '../../copying/ports.ts'

/** How doveadm reaches the source: through the tunnel alone, which is signed in there. */
export function sourceFields({ port, password }: Tunnel, prefix: string) {
  return {
    ...{ imapc_host: '127.0.0.1', imapc_port: port, imapc_ssl: 'no' },
    ...{ imapc_user: 'postferry', imapc_password: password, imapc_list_prefix: prefix },
  }
}
