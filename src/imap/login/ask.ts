import type { ImapFlowOptions } from 'imapflow'
import type { Provider } from '../../model/provider.ts'
import type { Source, SourceQuestion } from '../../source/ports.ts'
import { type Ending, endingOf, TIME_LIMIT } from './ending.ts'
import { outcomeOf } from './outcome.ts'
import { transportTo } from './transport.ts'

/** Every entry of imapflow's own that is not taken away would be sent. */
const CLIENT = { name: 'postferry', version: '', vendor: '', 'support-url': '' }

/** imapflow takes a fifth of a command's start: only who goes to the source waits for it. */
export const signInRoom = () => import('./sign-in.ts')

/** Asks the source by signing in over IMAP and leaving again. A refusal takes some servers 8 s. */
export function old(limitMs: number): Source {
  return { ask: async (question) => outcomeOf(await endingOfQuestion(question, limitMs), question) }
}

/**
 * How a question ends. Nothing of it is left then, but for a connection that source is about to close. Never throws.
 */
export async function endingOfQuestion(question: SourceQuestion, limitMs: number): Promise<Ending> {
  const { SignIn } = await signInRoom()
  if (question.signal.aborted) return TIME_LIMIT
  let end: (ending: Ending) => void = () => undefined
  const cut = new Promise<Ending>((resolve) => {
    end = resolve
  })
  const hangUp = () => end(TIME_LIMIT)
  const timer = setTimeout(hangUp, limitMs)
  question.signal.addEventListener('abort', hangUp)
  const options = { ...optionsFor(question.provider, limitMs), ...introduction(question), verifyOnly: true }
  const client = new SignIn(options, question)
  // After the answer nothing that the connection does matters any more.
  client.on('error', () => undefined)
  try {
    const broken = client.connect().then(
      () => ({}),
      (error) => endingOf(error),
    )
    const ending = await Promise.race([client.ending, broken, cut])
    if (question.onLeaving === undefined || ending === TIME_LIMIT) client.close()
    question.onLeaving?.(broken.then(() => client.close()))
    return client.greeting === undefined ? ending : { ...ending, greeted: true }
  } finally {
    clearTimeout(timer)
    question.signal.removeEventListener('abort', hangUp)
  }
}

/** How imapflow talks to a provider, apart from whom it signs in. */
export function optionsFor(provider: Provider, limitMs: number, mostBytes?: number): ImapFlowOptions {
  return {
    host: provider.host,
    port: provider.port,
    secure: provider.tls === 'implicit',
    doSTARTTLS: provider.tls === 'starttls',
    transport: transportTo(provider, mostBytes),
    clientInfo: CLIENT,
    connectionTimeout: limitMs,
    greetingTimeout: limitMs,
    socketTimeout: limitMs,
    logger: false,
  }
}

/** Who asks: also the person's client, for a source that trusts us (as Dovecot's login_trusted_networks). */
function introduction({ provider, clientAddress }: SourceQuestion): Pick<ImapFlowOptions, 'clientInfo'> {
  if (!provider.forwardsClient || clientAddress === null) return {}
  return { clientInfo: { ...CLIENT, 'x-originating-ip': clientAddress } }
}
