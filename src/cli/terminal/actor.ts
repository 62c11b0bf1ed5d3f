import { userInfo } from 'node:os'
import type { Command } from 'commander'
import type { By } from '../../model/audit.ts'
import { reason } from './arguments.ts'

const LOGIN_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.@\\-]{0,63}$/u

/** Whoever changes something may say why. */
export function withReason(command: Command): Command {
  return command.option('--reason <text>', 'why, for the audit', reason)
}

/** Who changes something with a command: the owner of the process, and who became that with sudo. */
export function cliActor(): string {
  const { SUDO_USER: sudoUser = '' } = process.env
  const behind = LOGIN_NAME.test(sudoUser) ? ` (${sudoUser})` : ''
  return `cli:${loginName()}${behind}`
}

export function by({ reason }: { reason?: string | undefined }): By {
  return { actor: cliActor(), reason: reason ?? null }
}

function loginName(): string {
  try {
    return userInfo().username
  } catch {
    // A user who has no entry in the user database.
    return `uid ${process.getuid?.()}`
  }
}
