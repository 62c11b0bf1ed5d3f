import type { Administrator, Role } from '../model/administrator.ts'
import type { By } from '../model/audit.ts'

/** An administrator as the sign-in needs it. */
export interface KnownAdministrator {
  readonly administrator: Administrator
  readonly passwordHash: string
  /** The secret of the one-time codes, sealed; null: none are asked for. */
  readonly totpSealed: Uint8Array | null
  /** A session holds as long as this stays what it was. */
  readonly stamp: string
}

/** An administrator who is to be. */
export interface NewAdministrator {
  readonly name: string
  readonly role: Role
  readonly passwordHash: string
  readonly totpSealed: Uint8Array | null
}

/**
 * Who may use the panel. Who does not exist is null or false. Whatever changes what somebody may do, or signs in with,
 * ends all sessions of theirs.
 */
export interface Administrators {
  /** By name. */
  list(): Promise<Administrator[]>
  find(name: string): Promise<KnownAdministrator | null>
  /** Whose session this is; null when it has ended. */
  session(name: string, stamp: string): Promise<Administrator | null>
  /** @throws Refusal when there is one of that name */
  add(administrator: NewAdministrator, by: By): Promise<void>
  /** @throws Refusal when it is the last owner */
  remove(name: string, by: By): Promise<boolean>
  setPassword(name: string, passwordHash: string, by: By): Promise<boolean>
  /** @throws Refusal when the last owner would be none any more */
  setRole(name: string, role: Role, by: By): Promise<boolean>
  /**
   * @param sealed null: no one-time code is asked for any more
   * @param confirmedAt the time step of the code that confirmed it, which is used up; null: nobody has shown one yet
   */
  setTotp(name: string, sealed: Uint8Array | null, by: By, confirmedAt?: number | null): Promise<boolean>
  endSessions(name: string, by: By): Promise<boolean>
  /**
   * Uses a code up, by its time step; false when it or a later one was used before. Of several at once, one is first.
   */
  useTotpStep(name: string, step: number): Promise<boolean>
  /** @param client the IP address that it came from; null: unknown */
  noteSignIn(name: string, client: string | null): Promise<void>
}
