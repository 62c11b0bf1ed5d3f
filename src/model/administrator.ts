import type { By } from './audit.ts'
import { isPassword } from './texts.ts'

/** What an administrator may do, from the least to the most. */
export const ROLES = ['viewer', 'operator', 'owner'] as const
export type Role = (typeof ROLES)[number]

/**
 * `see` everything but secrets; `operate`: act on migrations, import users; `own`: change providers, domains, accounts
 * and administrators.
 */
export type Permission = 'see' | 'operate' | 'own'

const PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: ['see'],
  operator: ['see', 'operate'],
  owner: ['see', 'operate', 'own'],
}

/** Somebody who may use the panel. */
export interface Administrator {
  readonly name: string
  readonly role: Role
  /** Whether a one-time code is asked for besides the password. */
  readonly hasTotp: boolean
  readonly createdAt: Date
  /** Null: never. */
  readonly signedInAt: Date | null
}

export function may(role: Role, permission: Permission): boolean {
  return PERMISSIONS[role].includes(permission)
}

const NAME = /^[A-Za-z0-9._@-]{1,64}$/

/** The name in its one spelling; null when it can be nobody's. */
export function parseAdministratorName(text: string): string | null {
  return NAME.test(text) ? text.toLowerCase() : null
}

export const LEAST_PASSWORD_LENGTH = 10

/** Whether an administrator may have this password: any of at least ten characters. */
export function isAdministratorPassword(text: string): boolean {
  return isPassword(text) && [...text].length >= LEAST_PASSWORD_LENGTH
}

/** An administrator changes something in the panel. */
export function byAdministrator(name: string, reason: string | null = null): By {
  return { actor: `panel:${name}`, reason }
}
