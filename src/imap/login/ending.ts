import { CertificateError } from './transport.ts'

/** How a login at the source ended, as imapflow, Node's sockets and OpenSSL tell it. */
export interface Ending {
  /** Status of the tagged response to the login, if there was one: OK, NO, BAD or nonsense. */
  readonly status?: string
  /** Its response code (RFC 5530), upper case. */
  readonly responseCode?: string
  /** Its text, or that of a BYE in its place. It may hold anything, the password too. */
  readonly text?: string
  /** Error code of imapflow, Node or OpenSSL, or of ours. */
  readonly code?: string
  /** The error's message. */
  readonly message?: string
  /** The source sent its greeting: it is alive, however the login ended. */
  readonly greeted?: boolean
  /** TLS was required and failed. */
  readonly tlsFailed?: boolean
}

/** Nobody waits for it any more. */
export const TIME_LIMIT: Ending = { code: 'ETIMEDOUT' }

/** What imapflow and Node put into their errors. */
interface Thrown extends Error {
  readonly code?: string
  readonly responseStatus?: string
  readonly responseText?: string
  readonly response?: { attributes?: readonly { section?: readonly ({ value?: unknown } | null)[] }[] }
  /** Text of a BYE. */
  readonly reason?: string
  readonly tlsFailed?: boolean
}

/** The login has ended, and not in a yes. */
export class LoginFailed extends Error {
  readonly ending: Ending

  constructor(ending: Ending) {
    super('the login was not answered with OK')
    this.ending = ending
  }
}

export function endingOf(error: unknown): Ending {
  if (error instanceof LoginFailed) return error.ending
  if (error instanceof CertificateError) return { tlsFailed: true, message: error.message }
  if (!(error instanceof Error)) return {}
  const { code, message, responseStatus, responseText, response, reason, tlsFailed }: Thrown = error
  const responseCode = response?.attributes?.[0]?.section?.[0]?.value
  return {
    ...(responseStatus !== undefined && { status: responseStatus }),
    ...(typeof responseCode === 'string' && { responseCode: responseCode.toUpperCase().trim() }),
    ...((responseText ?? reason) !== undefined && { text: responseText ?? reason }),
    ...(code !== undefined && { code }),
    ...(tlsFailed && { tlsFailed }),
    message,
  }
}
