import type { Role } from './roles.ts'

/** A mailbox as the source's LIST and NAMESPACE announce it. */
export interface Mailbox {
  /** In modified UTF-7 as the source sends it; `INBOX` in this one spelling. */
  readonly name: string
  readonly separator: string | null
  /** Prefix of the personal namespace that the name lies in, or empty. */
  readonly prefix: string
  /** What the source says that it is for. Missing: it does not say. */
  readonly role?: Role
}

/** What people read for a mailbox's name. */
export function titleOf({ name }: Pick<Mailbox, 'name'>): string {
  return decodeName(name)
}

export function isInbox(text: string): boolean {
  return /^inbox$/i.test(text)
}

/** Modified UTF-7 (RFC 3501, section 5.1.3) to text; what is none, or not as it should be, is taken as it stands. */
export function decodeName(name: string): string {
  const text = name.replace(/&([^-]*)-/g, (_, run: string) => (run === '' ? '&' : runToText(run)))
  return text.isWellFormed() && encodeName(text) === name ? text : name
}

export function encodeName(text: string): string {
  return text.replace(/[^ -~]+|&/g, (run) => {
    if (run === '&') return '&-'
    const base64 = Buffer.from(run, 'utf16le').swap16().toString('base64')
    return `&${base64.replace(/=+$/, '').replaceAll('/', ',')}-`
  })
}

/** The system flags among a Maildir's letters, sorted: `FRS`. */
export function maildirFlags(letters: string): string {
  return Array.from(letters.replace(/[^DFRST]/g, ''))
    .sort()
    .join('')
}

function runToText(run: string): string {
  const bytes = Buffer.from(run.replaceAll(',', '/'), 'base64')
  return bytes
    .subarray(0, bytes.length & ~1)
    .swap16()
    .toString('utf16le')
}

/**
 * What the source says of one mailbox (STATUS, RFC 3501 section 6.3.10, RFC 7162). Numbers that may pass 2^53 are text.
 */
export interface MailboxStatus {
  /** In modified UTF-7 as the source sends it, with its separator and prefix. */
  readonly name: string
  /** Null: the source does not tell this mailbox's status. */
  readonly uidValidity: string | null
  readonly uidNext: number
  readonly messages: number
  /** Null: the source does not offer it, so that changed flags do not show. */
  readonly highestModseq: string | null
  /** All its messages in bytes (RFC 8438). Null or missing: the source does not tell, or was not asked. */
  readonly size?: number | null
}

/** Whether Dovecot takes it for a keyword: an atom (RFC 3501, section 9) of 50 bytes at most (mail_max_keyword_length). */
export function isKeyword(word: string): boolean {
  return /^[^\0-\x20\x7f-\uffff(){%*"\\\]]{1,50}$/.test(word)
}
