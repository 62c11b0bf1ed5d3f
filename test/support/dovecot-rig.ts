import type { Certificate } from './certificates.ts'
import type { Place } from './dovecot.ts'

export interface Ports {
  port: number
  tlsPort: number
}

export interface Listening extends Ports {
  address: string
}

/** What makes a Dovecot run out of its folder, on loopback, in the words of its version. */
export function rigConfiguration(
  name: string,
  place: Place,
  tls: Certificate,
  { address, port, tlsPort }: Listening,
): string {
  const { folder, users, debian } = place
  return `
${debian.dovecot === '2.3' ? words23(tls) : words24(tls)}
base_dir = ${folder}/run
state_dir = ${folder}/run
log_path = ${folder}/dovecot.log
instance_name = postferry-${name}
login_greeting = ${name} ready.
listen = ${address}
${users.settings}
auth_verbose = yes
auth_failure_delay = 0
ssl = yes
service imap-login {
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = ${tlsPort}
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}`
}

function words23(tls: Certificate): string {
  return `
protocols = imap
auth_debug = yes
disable_plaintext_auth = no
ssl_cert = <${tls.cert}
ssl_key = <${tls.key}`
}

function words24(tls: Certificate): string {
  return `
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols {
  imap = yes
}
log_debug = category=auth or category=auth-client
auth_allow_cleartext = yes
ssl_server_cert_file = ${tls.cert}
ssl_server_key_file = ${tls.key}`
}
