import { type Command, Option } from 'commander'
import { AFTER_REFUSALS, LOGIN_NAMES, TLS_MODES } from '../../model/provider.ts'
import { isRefused } from '../../model/refused.ts'
import { readableCa } from '../../operations/ca-file.ts'
import type { ProviderFields } from '../../operations/provider-fields.ts'
import { connections, copyWindow, cutover, fingerprint, patterns, port } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'

/** What `provider add` and `provider set` were given. */
export interface ProviderOptions extends ProviderFields {
  readonly json?: boolean
  readonly reason?: string
}

export function withProviderOptions(command: Command): Command {
  return command
    .option('--port <port>', 'TCP port (usual: 993 with implicit TLS, else 143)', port)
    .addOption(new Option('--tls <mode>', 'how the connection is protected').choices(TLS_MODES))
    .option('--ca-file <file>', "PEM file with the certificates to trust instead of the system's", caFile)
    .option(
      '--fingerprint <sha256>',
      'SHA-256 of the one certificate to trust, whatever its names and dates',
      fingerprint,
    )
    .option('--max-connections <number>', 'connections at a time at most, all hosts together (usual: 20)', connections)
    .option(
      '--copy-connections <number>',
      'so many of them for copying at most (usual: three quarters, and never more)',
      connections,
    )
    .addOption(
      new Option('--login-name <form>', 'what it is asked with: the whole address, or its local part').choices(
        LOGIN_NAMES,
      ),
    )
    .option('--cutover <way>', 'when people move: immediate, at their first sign-in; proxied is not there yet', cutover)
    .option('--window <hours>', 'copy mail only then, as 20:00-06:00 or "20:00-06:00 Europe/Berlin"', copyWindow)
    .option('--reopens', 'let the next sign-in of a person whose migration is finished open it again')
    .addOption(
      new Option(
        '--after-refusal <what>',
        'when it refuses a kept password while the person has the right one here (usual: admit)',
      ).choices(AFTER_REFUSALS),
    )
    .option(
      '--forward-client',
      "tell it the address of the person's client (IMAP ID x-originating-ip): it has to trust us, as a Dovecot does by login_trusted_networks",
    )
    .option(
      '--include <pattern>',
      'mailboxes to copy, as a pattern of IMAP LIST; may be repeated (usual: all)',
      patterns,
    )
    .option('--exclude <pattern>', 'mailboxes to leave out; may be repeated', patterns)
}

function caFile(path: string): string {
  try {
    return readableCa(path)
  } catch (error) {
    throw isRefused(error, 'invalid') ? new Failure(EXIT.data, `--ca-file ${error.message}`) : error
  }
}
