import type { ImapFlowOptions } from 'imapflow'
import type { Provider } from '../../model/provider.ts'
import type { Source, SourceLogin } from '../../source/ports.ts'
import { type Ending, endingOf, TIME_LIMIT } from './ending.ts'
import { outcomeOf } from './outcome.ts'
import { type ReadingLimits, transportTo } from './transport.ts'

/** Every entry of imapflow's own that is not taken away would be sent. */
const CLIENT = { name: 'postferry', version: '', vendor: '', 'support-url': '' }

/** Only what goes to a source waits until imapflow is loaded. */
export const loadImap = () => import('./connection.ts')

/** Checks passwords at the source by logging in over IMAP and out again. Some servers take 8 s to refuse. */
export function imapSource(limitMs: number): Source {
  return { ask: async (login) => outcomeOf(await loginEnding(login, limitMs), login) }
}

/** How a login ends. Its connection is closed then, or with `onLeaving` about to be closed by the source. Never throws. */
export async function loginEnding(login: SourceLogin, limitMs: number): Promise<Ending> {
  const { LoginCheck } = await loadImap()
  if (login.signal.aborted) return TIME_LIMIT
  let end: (ending: Ending) => void = () => undefined
  const cut = new Promise<Ending>((resolve) => {
    end = resolve
  })
  const hangUp = () => end(TIME_LIMIT)
  const timer = setTimeout(hangUp, limitMs)
  login.signal.addEventListener('abort', hangUp)
  const options = { ...optionsFor(login.provider, limitMs), ...introduction(login), verifyOnly: true }
  const client = new LoginCheck(options, login)
  // After the answer nothing that the connection does matters any more.
  client.on('error', () => undefined)
  try {
    const broken = client.connect().then(
      () => ({}),
      (error) => endingOf(error),
    )
    const ending = await Promise.race([client.ending, broken, cut])
    if (login.onLeaving === undefined || ending === TIME_LIMIT) client.close()
    login.onLeaving?.(broken.then(() => client.close()))
    return client.greeting === undefined ? ending : { ...ending, greeted: true }
  } finally {
    clearTimeout(timer)
    login.signal.removeEventListener('abort', hangUp)
  }
}

/** How imapflow reaches a provider. */
export function optionsFor(provider: Provider, limitMs: number, reading: ReadingLimits = {}): ImapFlowOptions {
  return {
    host: provider.host,
    port: provider.port,
    secure: provider.tls === 'implicit',
    doSTARTTLS: provider.tls === 'starttls',
    transport: transportTo(provider, reading),
    clientInfo: CLIENT,
    connectionTimeout: limitMs,
    greetingTimeout: limitMs,
    socketTimeout: limitMs,
    logger: false,
  }
}

/** Tells a source that trusts us (Dovecot's login_trusted_networks) the address of the person's client. */
function introduction({ provider, clientAddress }: SourceLogin): Pick<ImapFlowOptions, 'clientInfo'> {
  if (!provider.forwardsClient || clientAddress === null) return {}
  return { clientInfo: { ...CLIENT, 'x-originating-ip': clientAddress } }
}
