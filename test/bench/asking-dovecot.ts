import { join } from 'node:path'
import { debian } from '../support/debian.ts'
import { startNew } from '../support/destination.ts'
import { type Dovecot, startDovecot } from '../support/dovecot.ts'
import { QUIET } from './ferry.ts'
import type { Person } from './lanes/lane.ts'

/** The destination as it is shipped, asking whatever listens there over HTTP. */
export function startLua(port: number, token: string): Promise<Dovecot> {
  return startNew({ passdb: 'lua', url: `http://127.0.0.1:${port}`, token, debian: debian(12), configuration: QUIET })
}

/** A Dovecot with a passdb of its own. */
export function startPassdb(passdb: string): Promise<Dovecot> {
  const users = 'auth_username_chars =\nauth_username_format = %u\n'
  return startDovecot({
    name: 'reference',
    debian: debian(12),
    configuration: () => `${QUIET}${users}passdb {\n${passdb}\n}`,
  })
}

/** Asks a Dovecot by its auth protocol: no mail process starts. */
export function askDovecot(dovecot: Dovecot, people: readonly Person[], lanes: number) {
  return { kind: 'auth', people, lanes, socket: join(dovecot.folder, 'run/auth-client') } as const
}
