import { ImapFlow, type ImapFlowOptions } from 'imapflow'
import type { Provider } from '../model/provider.ts'
import type { Old, OldAnswer } from '../policy/ports.ts'
import { type Failure, outcomeOf } from './outcome.ts'
import { CertificateError, transportTo } from './transport.ts'

/** A refusal takes some servers 8 s. */
export const QUESTION_LIMIT_MS = 15_000
const LINE_LIMIT = 64 * 1024
const CLIENT_NAME = { name: 'mailferry' }

/** Asks OLD by signing in over IMAP and leaving again. */
export const old: Old = { ask }

async function ask(provider: Provider, username: string, password: string): Promise<OldAnswer> {
  let client: ImapFlow | undefined
  let timer: NodeJS.Timeout | undefined
  try {
    const asked = new ImapFlow({ ...optionsFor(provider), auth: { user: username, pass: password }, verifyOnly: true })
    client = asked
    // After the answer nothing that the connection does matters any more.
    asked.on('error', () => undefined)
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new TimeLimit()), QUESTION_LIMIT_MS)
    })
    await Promise.race([asked.connect(), limit])
    // A greeting of PREAUTH signs anybody in, so it says nothing about this password.
    return asked.greeting === undefined ? { kind: 'trouble', code: 'old-protocol', cause: 'PREAUTH' } : { kind: 'yes' }
  } catch (error) {
    return outcomeOf(failureOf(error), error)
  } finally {
    clearTimeout(timer)
    client?.close()
  }
}

/** How imapflow talks to a provider, apart from whom it signs in. */
export function optionsFor(provider: Provider): ImapFlowOptions {
  return {
    host: provider.host,
    port: provider.port,
    secure: provider.tls === 'implicit',
    doSTARTTLS: provider.tls === 'starttls',
    transport: transportTo(provider),
    clientInfo: CLIENT_NAME,
    connectionTimeout: QUESTION_LIMIT_MS,
    greetingTimeout: QUESTION_LIMIT_MS,
    socketTimeout: QUESTION_LIMIT_MS,
    maxLineLength: LINE_LIMIT,
    maxLiteralSize: LINE_LIMIT,
    logger: false,
  }
}

class TimeLimit extends Error {
  readonly code = 'ETIMEDOUT'
}

export function failureOf(error: unknown): Failure {
  if (error instanceof CertificateError) return { tlsFailed: true }
  return error instanceof Error ? (error as Failure) : {}
}
