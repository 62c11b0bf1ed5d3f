import { readFileSync } from 'node:fs'
import type { Sessions } from '../../copying/flip-ports.ts'
import { NotFlipped, reasonOf } from '../../model/not-flipped.ts'
import { errorText } from '../../model/redact.ts'

/** Where the Dovecots are asked that hand sessions on, and the file with their key. */
export interface DoveadmApi {
  readonly urls: readonly string[]
  readonly keyFile: string
}

const ANSWER_LIMIT_MS = 5_000

type Row = Readonly<Record<string, string>>
/** The rows, or how the command has failed. */
type Answered = readonly Row[] | { readonly type?: string; readonly exitCode?: number }
type Answer = readonly [string, Answered, string]

/**
 * Ends sessions through the HTTP interface of doveadm (doveadm_api_key), which opens all mail: so it is the copying host
 * that has its key, and never the service for sign-ins.
 */
export function proxiedSessions({ urls, keyFile }: DoveadmApi): Sessions {
  return {
    async end(address) {
      const key = keyFor(urls, keyFile)
      const ended = await Promise.all(urls.map((url) => endAt(url, key, address)))
      return ended.includes(true)
    },
    async endHere(address) {
      const key = keyFor(urls, keyFile)
      const ended = await Promise.all(urls.map((url) => endServed(url, key, address)))
      return ended.includes(true)
    },
    async check() {
      const key = keyFor(urls, keyFile)
      await Promise.all(urls.map((url) => isThere(url, key, '')))
    },
  }
}

/** Why no session can be ended; null: they can. */
export async function whyNone(sessions: Pick<Sessions, 'check'>): Promise<string | null> {
  try {
    await sessions.check()
    return null
  } catch (error) {
    return reasonOf(error)
  }
}

function keyFor(urls: readonly string[], file: string): string {
  if (urls.length === 0) throw new NotFlipped('POSTFERRY_DOVEADM_URLS does not say where sessions are ended')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new NotFlipped(`POSTFERRY_DOVEADM_KEY_FILE: cannot read ${file} (${(error as NodeJS.ErrnoException).code})`)
  }
}

async function endAt(url: string, key: string, address: string): Promise<boolean> {
  if (!(await isThere(url, key, address))) return false
  // What 2.4 calls kick, 2.3 calls proxyKick for sessions that are handed on.
  const kicked = await ask(url, key, ['kick', { mask: [address] }, 't'])
  if (!isTable(kicked)) await ask(url, key, ['proxyKick', { user: [address] }, 't'])
  return true
}

/** Whether Dovecot served any itself, which it ends. */
async function endServed(url: string, key: string, address: string): Promise<boolean> {
  const served = await ask(url, key, ['who', { mask: [address] }, 't'])
  if (!isTable(served) && served.exitCode !== EX_NOTFOUND)
    throw new NotFlipped(
      `${url} does not tell who is served: ${served.type ?? 'error'} ${served.exitCode ?? ''}`.trim(),
    )
  // On 2.3 an error says that nobody is there.
  if (!isTable(served) || served.length === 0) return false
  await ask(url, key, ['kick', { mask: [address] }, 't'])
  return true
}

/** On 2.3 they are in a list of their own; on 2.4 among all, as sessions of a login process. */
async function isThere(url: string, key: string, address: string): Promise<boolean> {
  const listed = await ask(url, key, ['proxyList', {}, 't'])
  if (!isTable(listed)) throw new NotFlipped(`${url} does not tell who is handed on`)
  return listed.some(({ username, service = '', connections }) => {
    return username === address && (connections === undefined || service.endsWith('-login'))
  })
}

const EX_NOTFOUND = 68

function isTable(answered: Answered): answered is readonly Row[] {
  return Array.isArray(answered)
}

async function ask(url: string, key: string, command: readonly unknown[]): Promise<Answered> {
  const response = await post(url, key, command)
  if (!response.ok) throw new NotFlipped(`${url} answers ${response.status}`)
  const [answer] = (await response.json()) as Answer[]
  const [kind, answered] = answer ?? ['', {}]
  return kind === 'doveadmResponse' || !isTable(answered) ? answered : {}
}

async function post(url: string, key: string, command: readonly unknown[]): Promise<Response> {
  try {
    return await fetch(new URL('/doveadm/v1', url), {
      redirect: 'error',
      method: 'POST',
      headers: {
        authorization: `X-Dovecot-API ${Buffer.from(key).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify([command]),
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    })
  } catch (error) {
    const { cause = error } = error as { cause?: unknown }
    throw new NotFlipped(
      `${url} (POSTFERRY_DOVEADM_URLS) does not answer: ${(cause as NodeJS.ErrnoException).code ?? errorText(cause)}`,
    )
  }
}
