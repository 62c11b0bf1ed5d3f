import type { ImapFlow } from 'imapflow'

/** A value of a response as imapflow parses it. */
export type Token = { readonly type: string; readonly value: string | Buffer } | null | readonly Token[]

interface Response {
  readonly command: string
  readonly attributes?: readonly Token[]
}

type Argument = { readonly type: string; readonly value: string | Buffer } | readonly unknown[]

/**
 * imapflow's own way to send a command, which its types leave out. Its public calls rewrite mailbox names (case,
 * prefix, modified UTF-7), so that some mailboxes can be listed but not opened.
 */
interface Sender {
  exec(
    command: string,
    attributes: readonly Argument[] | false,
    options: { untagged: Record<string, (response: Response) => Promise<void>> },
  ): Promise<{ readonly response: Response; next(): void }>
}

/**
 * Sends one command. The next response is read when `take` has returned.
 * @param take is called with each untagged response of that name: its number, if it has one, and its values
 * @returns what its end says
 */
export async function command(
  client: ImapFlow,
  name: string,
  attributes: readonly Argument[] | false,
  responses: Record<string, (values: readonly Token[], number: number) => void>,
): Promise<readonly Token[]> {
  // imapflow goes on after an error of whoever takes a response.
  const errors: unknown[] = []
  const taken = (take: (values: readonly Token[], number: number) => void) => {
    return async ({ command: number, attributes: values = [] }: Response) => {
      try {
        take(values, Number(number))
      } catch (error) {
        errors.push(error)
      }
    }
  }
  const untagged = Object.fromEntries(Object.entries(responses).map(([response, take]) => [response, taken(take)]))
  const done = await (client as unknown as Sender).exec(name, attributes, { untagged })
  done.next()
  if (errors.length > 0) throw errors[0]
  return done.response.attributes ?? []
}

export const atom = (value: string) => ({ type: 'ATOM', value })
export const sequence = (value: string) => ({ type: 'SEQUENCE', value })

/** A mailbox name, byte for byte. */
export const mailboxName = (value: string) => {
  const safe = /^[ -~]*$/.test(value)
  return safe ? { type: 'STRING', value } : { type: 'LITERAL', value: Buffer.from(value) }
}

export function isList(token: Token | undefined): token is readonly Token[] {
  return Array.isArray(token)
}

/** Null for NIL and lists. */
export function textOf(token: Token | undefined): string | null {
  if (token === null || token === undefined || isList(token)) return null
  const { value } = token as { value: string | Buffer }
  return typeof value === 'string' ? value : value.toString('utf8')
}

export function bytesOf(token: Token | undefined): Buffer | null {
  if (token === null || token === undefined || isList(token)) return null
  const { value } = token as { value: string | Buffer }
  return typeof value === 'string' ? Buffer.from(value) : value
}

/** The items of a FETCH response by name, upper case: `BODY[]<0>` is `BODY`. */
export function itemsOf([, list]: readonly Token[]): ReadonlyMap<string, Token> {
  const items = new Map<string, Token>()
  const tokens = isList(list) ? list : []
  for (let at = 0; at + 1 < tokens.length; at += 2) {
    items.set((textOf(tokens[at]) ?? '').toUpperCase(), tokens[at + 1] as Token)
  }
  return items
}

const SAID_LENGTH = 200

/** What a server said, short enough to be kept, without control characters. */
export function said(text: string): string {
  return text.replace(/\p{Cc}/gu, '?').slice(0, SAID_LENGTH)
}
