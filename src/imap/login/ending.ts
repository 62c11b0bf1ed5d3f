import { CertificateError } from './transport.ts'

/** How a question to the source ended, as imapflow, Node's sockets and OpenSSL tell it. */
export interface Ending {
  /** Status of the tagged answer to the sign-in, if there was one: OK, NO, BAD or nonsense. */
  readonly status?: string
  /** Response code of that answer (RFC 5530), upper case. */
  readonly responseCode?: string
  /** Text of that answer, or of the BYE that came in its place. It may hold anything, the password too. */
  readonly text?: string
  /** Error code of imapflow, Node or OpenSSL, or of ours. */
  readonly code?: string
  /** What the error says of itself. */
  readonly message?: string
  /** The source said hello: it is alive, however the sign-in ended. */
  readonly greeted?: boolean
  /** TLS was wanted, and could not be had. */
  readonly tlsFailed?: boolean
}

/** Nobody waited any longer. */
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

/** The sign-in has ended so, and not in a yes. */
export class NotSignedIn extends Error {
  readonly ending: Ending

  constructor(ending: Ending) {
    super('the sign-in was not answered with a yes')
    this.ending = ending
  }
}

export function endingOf(error: unknown): Ending {
  if (error instanceof NotSignedIn) return error.ending
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
