import type { Filter, SourceAccess } from '../../copying/ports.ts'
import { CouldNotAsk, Silence } from '../../model/ledger.ts'
import { MANAGESIEVE_PORT, type Provider } from '../../model/provider.ts'
import type { ManageSieve } from '../../source/probe.ts'
import { literal, NobodyThere, SieveConversation, TlsFailed } from './conversation.ts'
import { type Answer, NoSieve, type Word } from './responses.ts'
import { Silences } from './silence.ts'

const LIMIT_MS = 30_000
/** Of one person; servers allow some tens. */
const MOST = 200
const silences = new Silences()

/** A person's Sieve scripts. Nothing that is sent can change the source. */
export const sourceFilters: SourceAccess['filters'] = async (provider, { username, password }, signal) => {
  const port = provider.sievePort ?? MANAGESIEVE_PORT
  const place = `${provider.host} port ${port}`
  if (provider.sievePort === null && silences.isKnownEmpty(place)) return null
  const limited = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)])
  try {
    await using conversation = await SieveConversation.open(provider, port, limited)
    silences.answered(place)
    refuse(await conversation.signIn(username, password), 'refuses the kept password')
    return await read(conversation)
  } catch (error) {
    signal.throwIfAborted()
    if (limited.aborted) throw new CouldNotAsk('old-timeout', `ManageSieve at ${place}: no answer in time`, error)
    if (!(error instanceof NobodyThere)) throw couldNotAsk(error, provider, port)
    if (provider.sievePort === null && isNone(place, error)) return null
    const isUnknown = provider.sievePort === null && !silences.hasAnswered(place)
    throw new (isUnknown ? Silence : CouldNotAsk)('old-unreachable', error.message, error)
  }
}

/** Whether there is one that would be asked. Nobody signs in. */
export async function manageSieve(provider: Provider): Promise<ManageSieve> {
  const port = provider.sievePort ?? MANAGESIEVE_PORT
  const limit = AbortSignal.timeout(LIMIT_MS)
  try {
    await using _ = await SieveConversation.open(provider, port, limit)
    return { is: 'there' }
  } catch (error) {
    if (error instanceof NobodyThere && isRefused(error) && provider.sievePort === null) return { is: 'none' }
    return {
      is: 'unknown',
      why: couldNotAsk(limit.aborted ? new Error('no answer in time') : error, provider, port).message,
    }
  }
}

function isRefused({ cause }: NobodyThere): boolean {
  return (cause as NodeJS.ErrnoException).code === 'ECONNREFUSED'
}

/** IMAP of the same host has just answered: a server that refuses has none, and one that says nothing may be away. */
function isNone(place: string, error: NobodyThere): boolean {
  if (isRefused(error)) return !silences.hasAnswered(place)
  silences.silent(place)
  return silences.isEmpty(place)
}

async function read(conversation: SieveConversation): Promise<Filter[]> {
  const { lines } = refuse(await conversation.say('LISTSCRIPTS'), 'does not list scripts')
  if (lines.length > MOST) throw new NoSieve(`more than ${MOST} scripts`)
  const filters: Filter[] = []
  for (const line of lines) {
    const [name] = line
    if (!Buffer.isBuffer(name)) throw new NoSieve('a list of scripts without names')
    const text = name.toString('utf8')
    filters.push({ name: text, isActive: isActive(line), script: await scriptOf(text, conversation) })
  }
  return filters
}

/** Null: the server lists it and does not know it, as a Cyrus does not escape what stands in quotes. */
async function scriptOf(name: string, conversation: SieveConversation): Promise<Buffer | null> {
  const { status, lines } = await conversation.say(`GETSCRIPT ${literal(name)}`)
  if (status !== 'OK') return null
  const [script] = lines[0] ?? []
  if (!Buffer.isBuffer(script)) throw new NoSieve('no script where one was asked for')
  return script
}

/** Of a line in the list. The mark stands at its end, whatever stands before. */
function isActive(line: readonly Word[]): boolean {
  const mark = line.at(-1)
  return typeof mark === 'string' && mark.toUpperCase() === 'ACTIVE'
}

/** @throws NoSieve where it is no yes */
function refuse(answer: Answer, what: string): Answer {
  if (answer.status === 'OK') return answer
  throw new NoSieve(`it ${what}`)
}

function couldNotAsk(error: unknown, { host }: Provider, port: number): CouldNotAsk {
  const at = `ManageSieve at ${host} port ${port}`
  if (error instanceof NoSieve) return new CouldNotAsk('old-protocol', `${at}: ${error.message}`, error)
  const { message } = error as Error
  if (error instanceof TlsFailed) return new CouldNotAsk('old-tls', `${at}: TLS failed (${message})`, error)
  return new CouldNotAsk('old-unreachable', `${at}: ${message}`, error)
}
