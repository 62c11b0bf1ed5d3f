import { randomBytes } from 'node:crypto'
import type { Provider } from '../model/provider.ts'
import type { OldAnswer, OldQuestion } from '../policy/ports.ts'
import type { ProbeStep } from '../policy/probe.ts'
import { endingOfQuestion } from './ask.ts'
import type { Ending } from './ending.ts'
import { refusalIn } from './learned.ts'
import { outcomeOf } from './outcome.ts'
import { quote } from './probe-lines.ts'

type Found = Omit<ProbeStep, 'step' | 'milliseconds'>

/**
 * Asks once with a name and a password that nobody has, to see how the provider refuses.
 * @param domain the mail domain of the name
 */
export async function refusal(
  provider: Provider,
  domain: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<ProbeStep> {
  const question = { provider, ...stranger(provider, domain), clientAddress: null, signal }
  const startedAt = performance.now()
  const ending = await endingOfQuestion(question, limitMs)
  const milliseconds = Math.ceil(performance.now() - startedAt)
  return { step: 'refusal', ...judge(ending, question), milliseconds }
}

function stranger({ loginName }: Provider, domain: string): { username: string; password: string } {
  const local = `mailferry-test-${randomBytes(6).toString('hex')}`
  return {
    username: loginName === '%n' ? local : `${local}@${domain}`,
    password: randomBytes(15).toString('base64url'),
  }
}

function judge(ending: Ending, question: OldQuestion): Found {
  const answer = outcomeOf(ending, question)
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
      return learn(ending, question) ?? trouble(ending, answer, said)
  }
}

function learn({ status, responseCode, text = '', code }: Ending, question: OldQuestion): Found | null {
  if (status !== 'NO' || responseCode !== undefined || code !== undefined) return null
  const learned = refusalIn(text, question)
  return learned === null ? null : { ok: true, found: `learned: it refuses with "${quote(text)}"`, learned }
}

function trouble({ status, text }: Ending, answer: OldAnswer & { kind: 'trouble' }, said: string): Found {
  const words = text === undefined ? '' : `: ${said}`
  const found = `${answer.code}: ${status ?? 'no answer'} to a random name and password${words}`
  if (status === 'NO') {
    const remedy =
      'it reads like trouble, so wrong passwords would get "try again": test again when the old server is well'
    return { ok: false, found, remedy }
  }
  return { ok: false, found, remedy: `nobody can sign in like that (${answer.cause}): ask whoever runs the old server` }
}
