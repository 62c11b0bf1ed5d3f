import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Settings } from '../../settings.ts'
import type { Finding } from './finding.ts'

const LIMIT_MS = 10_000
const ASKED = [
  ...(['myhostname', 'recipient_delimiter', 'smtpd_sasl_type', 'smtpd_sasl_path'] as const),
  ...(['virtual_transport', 'message_size_limit', 'smtpd_milters'] as const),
] as const

export type Postfix = Readonly<Record<(typeof ASKED)[number], string>>

/** What Postfix of this host says; null: there is none. */
export async function readPostfix(): Promise<Postfix | null> {
  try {
    const { stdout } = await promisify(execFile)('postconf', ASKED, { timeout: LIMIT_MS })
    const said = new Map(stdout.split('\n').map((line) => line.split(/ = ?/s, 2) as [string, string]))
    return Object.fromEntries(ASKED.map((name) => [name, said.get(name) ?? ''])) as Postfix
  } catch {
    return null
  }
}

/** Whether Postfix is set up for postferry. */
export function* checkPostfix(postfix: Postfix | null, { recipientDelimiter }: Settings): Generator<Finding> {
  const check = 'postfix'
  if (postfix === null) return yield { check, result: 'ok', found: 'not on this host: nothing of it was looked at' }
  yield sasl(postfix)
  const { recipient_delimiter: theirs } = postfix
  if (recipientDelimiter === '' ? theirs === '' : theirs.includes(recipientDelimiter)) return
  yield { check, id: 'postfix-delimiter', result: 'warn', ...delimiters(theirs, recipientDelimiter) }
}

/** What comes of it that they are not the same. */
function delimiters(theirs: string, ours: string): Pick<Finding, 'found' | 'why' | 'remedy'> {
  const found = `its recipient_delimiter is "${theirs}", and POSTFERRY_RECIPIENT_DELIMITER`
  if (ours !== '') {
    const why = 'a sub-address signs in, and its mail is refused'
    return { found: `${found} ${ours}`, why, remedy: `recipient_delimiter = ${ours}, in main.cf` }
  }
  const why = 'postferry takes a sub-address for another person: its mail is refused, or told to come again'
  const first = /[+\-_=#]/.exec(theirs)?.[0] ?? '+'
  const set = first === '#' ? "'#'" : first
  const one = theirs.includes(first) ? '' : ` and recipient_delimiter = ${first}, in main.cf`
  return { found: `${found} is not set`, why, remedy: `POSTFERRY_RECIPIENT_DELIMITER=${set}, in the settings${one}` }
}

function sasl({ smtpd_sasl_type: type, smtpd_sasl_path: path }: Postfix): Finding {
  const [check, id] = ['postfix', 'postfix-sasl']
  if (type !== 'dovecot') return { check, id, result: 'ok', found: 'it asks no Dovecot for passwords' }
  if (/postferry/.test(path)) return { check, id, result: 'ok', found: `it asks for passwords at ${path}` }
  const found = `it asks Dovecot itself for passwords, at ${path}`
  const why = 'while the old server is away it would call right passwords wrong (535), and fail2ban counts them'
  const remedy = 'smtpd_sasl_path = private/postferry-auth, in main.cf (deploy/postfix/README.md)'
  return { check, id, result: 'warn', found, why, remedy }
}
