import { hostname } from 'node:os'
import type { MxQuestion, MxStep } from '../routing/mx-probe.ts'
import { NoSmtp } from './conversation.ts'
import { MxFailure, type MxState, STEPS, type Step } from './steps.ts'

const PROBE_LIMIT_MS = 60_000

/** Talks to an MX up to the first step that fails, and leaves before any message. */
export async function* probeMx(question: MxQuestion, limitMs = PROBE_LIMIT_MS): AsyncGenerator<MxStep> {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(new Error(`no answer within ${limitMs / 1000} s`)), limitMs)
  const state: MxState = { ...question, me: hostname(), offered: [], signal: stop.signal }
  try {
    for (const [step, take] of Object.entries(STEPS) as [MxStep['step'], Step][]) {
      const startedAt = performance.now()
      const result = await resultOf(step, question, take(state))
      const seen = step === 'tls' && state.daysLeft !== undefined ? { daysLeft: state.daysLeft } : {}
      yield { step, ...result, ...seen, milliseconds: Math.ceil(performance.now() - startedAt) }
      if (!result.ok) return
    }
    await state.conversation?.say('QUIT').catch(() => undefined)
  } finally {
    clearTimeout(timer)
    stop.abort(new Error('the probe is over'))
    state.conversation?.[Symbol.dispose]()
  }
}

async function resultOf(step: MxStep['step'], question: MxQuestion, taken: ReturnType<Step>) {
  try {
    return { ok: true, ...(await taken) }
  } catch (error) {
    if (error instanceof MxFailure) return { ok: false, found: error.message, remedy: error.remedy }
    const cause = (error as Error).name === 'AbortError' ? ((error as Error).cause as Error) : (error as Error)
    return { ok: false, found: cause.message, remedy: remedyOf(step, question, cause) }
  }
}

/** What to try when the network broke a step. */
function remedyOf(step: MxStep['step'], { provider: { name, mxPort }, host }: MxQuestion, cause: Error): string {
  const check = `check host and port (postferry provider set ${name} --mx … --mx-port …)`
  if (cause instanceof NoSmtp) return `this is no SMTP server: ${check}`
  if (step !== 'connect')
    return 'try again; when it stays, ask whoever runs the old server whether it limits or blocks this host'
  return `${check}, and that no firewall drops connections to ${host} port ${mxPort}`
}
