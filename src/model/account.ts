import type { Pop3Uidl } from './provider.ts'

/** A login identity on the destination. */
export interface Account {
  readonly address: string
  /** Absolute path of the home on the destination. */
  readonly home: string
  readonly quotaBytes: number | null
  readonly enabled: boolean
  /** How the source called the folders, where it was otherwise; missing: as the destination does. */
  readonly namespace?: Namespace
  /** How POP3 programs know the messages. Missing: as Dovecot names them. */
  readonly pop3Uidl?: Exclude<Pop3Uidl, 'dovecot'>
}

/** How the names of folders are made. */
export interface Namespace {
  /** Before all names but the INBOX, with the separator at its end: `INBOX.` */
  readonly prefix: string
  readonly separator: string
}

/** Whose word the password is. Once it was set on the destination, the source has no say any more. */
export type PasswordSource = 'source' | 'destination'
