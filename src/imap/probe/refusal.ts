import { randomBytes, randomInt } from 'node:crypto'
import type { Provider } from '../../model/provider.ts'
import type { SourceAnswer, SourceLogin } from '../../source/ports.ts'
import type { ProbeStep } from '../../source/probe.ts'
import { loginEnding } from '../login/ask.ts'
import type { Ending } from '../login/ending.ts'
import { refusalIn } from '../login/learned.ts'
import { outcomeOf } from '../login/outcome.ts'
import { quote } from './state.ts'

type Found = Omit<ProbeStep, 'step' | 'milliseconds'>

/** A refusal that takes so much longer than the one before is delayed because of that one. */
const HELD_BACK_MS = 1_000
/** No server takes so long to check a password without a delay. */
const TOO_LONG_MS = 12_000

interface Limits {
  readonly limitMs: number
  readonly signal: AbortSignal
}

/** How a provider answered a login that cannot have been right. */
interface Sample {
  readonly found: Found
  readonly isRefusal: boolean
  readonly milliseconds: number
}

/**
 * Tries two random names and passwords, to learn how the provider refuses and whether one refusal delays the next.
 * @param domain the mail domain of the names
 * @param ourAddress our address as the provider sees it
 */
export async function refusal(
  provider: Provider,
  domain: string,
  ourAddress: string,
  limits: Limits,
): Promise<ProbeStep> {
  const first = await sample(provider, domain, limits)
  const second = first.isRefusal ? await sample(provider, domain, limits) : first
  const milliseconds = first === second ? first.milliseconds : first.milliseconds + second.milliseconds
  return { step: 'refusal', ...judgeBoth(first, second, provider, ourAddress), milliseconds }
}

async function sample(provider: Provider, domain: string, { limitMs, signal }: Limits): Promise<Sample> {
  let isGone: Promise<void> | undefined
  const onLeaving = (gone: Promise<void>) => {
    isGone = gone
  }
  const login = { provider, ...stranger(provider, domain), clientAddress: strangersAddress(), signal, onLeaving }
  const startedAt = performance.now()
  const ending = await loginEnding(login, limitMs)
  const milliseconds = Math.ceil(performance.now() - startedAt)
  await isGone
  const found = judge(ending, login)
  return { found, isRefusal: found.ok, milliseconds }
}

function judgeBoth(first: Sample, second: Sample, provider: Provider, ourAddress: string): Found {
  if (!second.isRefusal) {
    const isHeldBack = first !== second && second.milliseconds > first.milliseconds + HELD_BACK_MS
    return isHeldBack ? { ...second.found, remedy: remedyOfDelay(provider, ourAddress) } : second.found
  }
  // Words of a moment, such as those of an outage, are no refusal to learn.
  if (first.found.learned !== second.found.learned) {
    const found = `it refuses in two ways, so neither is learned: ${first.found.found}; ${second.found.found}`
    return { ok: false, found, remedy: 'test again when the old server is well' }
  }
  const [early, late] = [first.milliseconds, second.milliseconds]
  if (late < early + HELD_BACK_MS && late < TOO_LONG_MS) return second.found
  const times = `the first time after ${seconds(early)}, the second after ${seconds(late)}`
  const found = `${second.found.found}; ${times}: one who guesses makes everybody wait`
  return { ...second.found, found, remedy: remedyOfDelay(provider, ourAddress) }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`
}

/** A Dovecot counts failures by address: ours, for everybody, unless it trusts us to tell whose client it is. */
function remedyOfDelay({ name, forwardsClient }: Provider, ourAddress: string): string {
  const there = `on the old server, when it is a Dovecot: login_trusted_networks = ${ourAddress}`
  return forwardsClient ? there : `${there}; then here: postferry provider set ${name} --forward-client`
}

function stranger({ loginName }: Provider, domain: string): { username: string; password: string } {
  const local = `postferry-test-${randomBytes(6).toString('hex')}`
  return {
    username: loginName === '%n' ? local : `${local}@${domain}`,
    password: randomBytes(15).toString('base64url'),
  }
}

/** Of a network that nobody uses (RFC 2544): for a provider that is told each client's address. */
function strangersAddress(): string {
  return `198.18.${randomInt(256)}.${randomInt(256)}`
}

function judge(ending: Ending, login: SourceLogin): Found {
  const answer = outcomeOf(ending, login)
  const said = `"${quote(ending.text ?? '')}"`
  switch (answer.kind) {
    case 'yes':
      return {
        ok: false,
        found: 'it accepted a random name and password: whoever asks would be let in as anybody',
        remedy:
          'do not let anybody sign in by it: find a host and port where passwords are checked, or remove the provider',
      }
    case 'no':
      return { ok: true, found: `refuses as expected: ${said}` }
    case 'disabled':
    case 'expired':
      return { ok: true, found: `odd: of somebody who does not exist it says ${answer.kind}: ${said}` }
    case 'trouble':
      return learn(ending, login) ?? trouble(ending, answer, said)
  }
}

function learn({ status, responseCode, text = '', code }: Ending, login: SourceLogin): Found | null {
  if (status !== 'NO' || responseCode !== undefined || code !== undefined) return null
  const learned = refusalIn(text, login)
  return learned === null ? null : { ok: true, found: `learned: it refuses with "${quote(text)}"`, learned }
}

function trouble({ status, text }: Ending, answer: SourceAnswer & { kind: 'trouble' }, said: string): Found {
  const words = text === undefined ? '' : `: ${said}`
  const found = `${answer.code}: ${status ?? 'no answer'} to a random name and password${words}`
  if (status === 'NO') {
    const remedy =
      'it reads like trouble, so wrong passwords would get "try again": test again when the old server is well'
    return { ok: false, found, remedy }
  }
  return { ok: false, found, remedy: `nobody can sign in like that (${answer.cause}): ask whoever runs the old server` }
}
