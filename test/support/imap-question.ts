import type { Test } from 'tap'
import { imapSource } from '../../src/imap/login/ask.ts'
import type { Provider } from '../../src/model/provider.ts'
import { newProvider } from '../../src/model/provider-changes.ts'
import type { SourceAnswer } from '../../src/source/ports.ts'
import { type Connection, type Script, scripted, startScriptedImap, type Tried } from './scripted-imap.ts'
import { HANG_MS, until } from './until.ts'

const USER = 'anna@old.example'
export const RIGHT = 'the right pässword'
export const WRONG = 'a wrong one'
/** The limit of rows that end by it. */
export const SHORT_MS = 700

/** What the answer is to be: yes, a no, or the code of the trouble with whether the source answered the sign-in. */
export type Wanted = string

export interface Row {
  readonly name: string
  readonly talk: (connection: Connection) => unknown
  readonly wanted: Wanted
  readonly provider?: Partial<Provider>
  readonly limitMs?: number
  readonly password?: string
}

/** A server that answers the sign-in in one way, whatever the password. */
export function answering(answer: (tag: string) => string, script: Script = {}): Row['talk'] {
  return scripted({ ...script, signIn: ({ connection, tag }) => connection.say(answer(tag)) })
}

/** A row that ends by the limit, after a greeting. */
export const SILENCE = { wanted: 'old-timeout answered', limitMs: SHORT_MS }
/** The same without a greeting. */
export const DEAD_SILENCE = { wanted: 'old-timeout unanswered', limitMs: SHORT_MS }

/** The commands up to the sign-in. */
export const STEPS = ['CAPABILITY', 'ID', 'AUTHENTICATE']

/** Does something in endpoint of the answer to a command. */
export function at(step: string, act: (connection: Connection, tag: string) => unknown): Row['talk'] {
  const capability = 'IMAP4rev1 ID STARTTLS SASL-IR AUTH=PLAIN'
  return scripted({
    capability,
    command: (connection, tag, name) => (name === step ? void act(connection, tag) : false),
    signIn: honest,
  })
}

/** Answers a sign-in as it should be. */
export function honest({ connection, tag, username, password }: Tried): void {
  const right = username === USER && password === RIGHT
  connection.say(right ? `${tag} OK welcome\r\n` : `${tag} NO [AUTHENTICATIONFAILED] wrong\r\n`)
}

/** Asks each row's server, several at the same time, and sees that no connection is left over. */
export async function askEach(t: Test, rows: readonly Row[]): Promise<void> {
  t.jobs = 8
  await Promise.all(rows.map((row) => t.test(row.name, (t) => askOne(t, row))))
}

async function askOne(t: Test, { talk, wanted, provider, limitMs = HANG_MS, password = RIGHT }: Row): Promise<void> {
  await using server = await startScriptedImap(talk)
  const answer = await ask({ port: server.port, ...provider }, password, limitMs)
  t.equal(nameOf(answer), wanted, answer.kind === 'trouble' ? String(answer.cause) : '')
  t.equal(server.taken, 1, 'it was asked once')
  await until(() => server.open === 0, 'the connection is closed')
}

export async function ask(changes: Partial<Provider>, password = RIGHT, limitMs = HANG_MS): Promise<SourceAnswer> {
  const provider = { ...newProvider('old', { host: '127.0.0.1', tls: 'none' }), ...changes }
  const signal = new AbortController().signal
  return await imapSource(limitMs).ask({ provider, username: USER, password, clientAddress: null, signal })
}

export function nameOf(answer: SourceAnswer): Wanted {
  return answer.kind === 'trouble' ? `${answer.code} ${answer.answered ? 'answered' : 'unanswered'}` : answer.kind
}
