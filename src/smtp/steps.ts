import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import tls from 'node:tls'
import { daysLeft, describe } from '../model/certificate.ts'
import type { MxQuestion, MxStep } from '../routing/mx-probe.ts'
import { SmtpConversation, type SmtpReply } from './conversation.ts'

/** How far a probe has got. */
export interface MxState extends MxQuestion {
  /** What this host calls itself. */
  readonly me: string
  /** There as soon as it is connected. */
  conversation?: SmtpConversation
  /** The lines of its EHLO. */
  offered: readonly string[]
  daysLeft?: number
  readonly signal: AbortSignal
}

/** Takes one step. @throws MxFailure, or an error of the network */
export type Step = (state: MxState) => Promise<{ found: string; remedy?: string; size?: number }>

/** A step failed for a reason that has a remedy. */
export class MxFailure extends Error {
  readonly remedy: string

  constructor(found: string, remedy: string) {
    super(found)
    this.remedy = remedy
  }
}

const TRUST_US =
  'have the old server take mail from the new one without checks of its own (Postfix: mynetworks; deploy/postfix/README.md)'

const connect: Step = async (state) => {
  state.conversation = await SmtpConversation.open(state.host, state.provider.mxPort, state.signal)
  return { found: state.conversation.peer }
}

const greeting: Step = async (state) => {
  const reply = await talk(state).reply()
  if (reply.code !== 220) throw new MxFailure(`it turns this host away: ${said(reply)}`, TRUST_US)
  return { found: said(reply) }
}

const capabilities: Step = async (state) => {
  await hello(state)
  const size = state.offered.find((line) => /^SIZE\b/i.test(line))?.split(' ')[1]
  const words = ['STARTTLS', 'DSN'].map((word) => (has(state, word) ? word : `no ${word}`))
  const isLimited = size !== undefined && size !== '0'
  const found = [isLimited ? `takes messages of up to ${size} bytes` : 'names no limit of size', ...words].join(', ')
  if (state.isRenamed && !has(state, 'DSN')) {
    throw new MxFailure(
      `${found}: mail in a renamed domain is handed over with the new address beside the old one (ORCPT of RFC 3461), which it does not understand`,
      'have the old server offer DSN to the new one (Postfix: no dsn in smtpd_discard_ehlo_keywords; Exim: dsn_advertise_hosts)',
    )
  }
  return isLimited
    ? { found, remedy: `in main.cf of the new Postfix: message_size_limit = ${size} or less`, size: Number(size) }
    : { found }
}

/** Says what Dovecot will see, which trusts the certificates of its ssl_client_ca_file. */
const startTls: Step = async (state) => {
  const { name, mxTls } = state.provider
  const set = `postferry provider set ${name} --mx-tls`
  if (mxTls === 'none') {
    const remedy = has(state, 'STARTTLS') ? { remedy: `it offers STARTTLS: ${set} verified` } : {}
    return { found: 'not used: mail travels in the clear', ...remedy }
  }
  const reply = has(state, 'STARTTLS') ? await talk(state).say('STARTTLS') : undefined
  if (reply?.code !== 220) {
    const found = reply === undefined ? 'it does not offer STARTTLS' : `it does not begin TLS: ${said(reply)}`
    throw new MxFailure(found, `have it offer STARTTLS, or let mail travel in the clear: ${set} none`)
  }
  const secure = await handshake(state)
  const certificate = secure.getPeerCertificate()
  state.daysLeft = daysLeft(certificate)
  const found = `${secure.getProtocol()}, ${describe(certificate)}`
  await hello(state)
  if (secure.authorized) return { found }
  const flaw = `the certificate does not prove that it is ${state.host} (${secure.authorizationError})`
  if (mxTls === 'encrypted') return { found: `${flaw}, and need not: ${found}` }
  throw new MxFailure(
    `${flaw}: ${found}`,
    `renew it, name a host that it is for (--mx), or have Dovecot trust its CA (ssl_client_ca_file; here: --ca-file); without any proof: ${set} encrypted`,
  )
}

const sender: Step = async (state) => {
  const reply = await talk(state).say(`MAIL FROM:<${state.sender}>`)
  if (reply.code !== 250) throw new MxFailure(`it does not take mail from ${state.sender}: ${said(reply)}`, TRUST_US)
  return { found: `takes mail from ${state.sender}` }
}

const stranger: Step = async (state) => {
  const reply = await talk(state).say(`RCPT TO:<${state.stranger}>`)
  if (reply.code >= 550 && reply.code < 560) return { found: `refuses whom it does not know: ${said(reply)}` }
  if (reply.code >= 500) throw new MxFailure(`it takes no mail for ${state.stranger}: ${said(reply)}`, TRUST_US)
  if (reply.code >= 400)
    throw new MxFailure(`it puts mail off: ${said(reply)}`, `no greylisting for the new server: ${TRUST_US}`)
  return {
    found: 'takes mail for whomever, also for names that nobody has: a catch-all, or it bounces them later',
    remedy: 'unless that is wanted, have it refuse unknown recipients at RCPT: only then the new server can',
  }
}

export const STEPS: Readonly<Record<MxStep['step'], Step>> = {
  ...{ connect, greeting, capabilities, tls: startTls, sender, stranger },
}

async function hello(state: MxState): Promise<void> {
  const reply = await talk(state).say(`EHLO ${state.me}`)
  if (reply.code !== 250) throw new MxFailure(`it turns this host away: ${said(reply)}`, TRUST_US)
  state.offered = reply.lines.slice(1)
}

async function handshake({ provider, host, ...state }: MxState): Promise<tls.TLSSocket> {
  const ca = [...tls.getCACertificates('default'), ...tls.getCACertificates('system')]
  if (provider.caFile !== null) ca.push(contentOf(provider.caFile))
  return await talk(state).secure({ ca, host, ...(isIP(host) === 0 && { servername: host }) })
}

function contentOf(caFile: string): string {
  try {
    return readFileSync(caFile, 'utf8')
  } catch (error) {
    throw new MxFailure(
      `cannot read the CA file ${caFile} (${(error as NodeJS.ErrnoException).code})`,
      'let this user read it, or name another one (--ca-file)',
    )
  }
}

function has({ offered }: MxState, word: string): boolean {
  return offered.some((line) => line.toUpperCase().split(' ')[0] === word)
}

function talk({ conversation }: Pick<MxState, 'conversation'>): SmtpConversation {
  if (conversation === undefined) throw new Error('not connected')
  return conversation
}

const SHOWN = 200

/** What a server said, short enough to be shown. */
function said({ code, lines }: SmtpReply): string {
  const text = `${code} ${lines.join(' ')}`
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}
