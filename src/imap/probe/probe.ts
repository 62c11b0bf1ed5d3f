import { once } from 'node:events'
import { Socket } from 'node:net'
import { AT_ONCE, atOnceFlaw } from '../../model/cutover.ts'
import type { Provider, TlsMode } from '../../model/provider.ts'
import { within } from '../../model/timeout.ts'
import type { ProbeStep } from '../../source/probe.ts'
import { connectionsAtOnce } from './connections.ts'
import { refusal } from './refusal.ts'
import { ProbeFailure, type ProbeState, type Step } from './state.ts'
import { capabilities, connectTo, greeting, resolve } from './steps.ts'
import { handshake, startTls } from './tls.ts'

const PROBE_LIMIT_MS = 15_000
const LEAVE_LIMIT_MS = 1_000

const inTheClear: Step = async () => 'not used: passwords and mail travel in the clear'
const STEPS: Readonly<Record<TlsMode, Partial<Record<ProbeStep['step'], Step>>>> = {
  implicit: { resolve, connect: connectTo, tls: handshake, greeting, capabilities },
  starttls: { resolve, connect: connectTo, greeting, tls: startTls, capabilities },
  none: { resolve, connect: connectTo, tls: inTheClear, greeting, capabilities },
}

/**
 * Connects to a provider step by step, up to the first that fails.
 * @param stranger the domain of a random user name whose login is tried last; undefined: none is
 */
export async function* probe(
  provider: Provider,
  stranger?: string,
  limitMs: number = PROBE_LIMIT_MS,
): AsyncGenerator<ProbeStep> {
  const stop = new AbortController()
  const stopped = once(stop.signal, 'abort').then(() => Promise.reject(stop.signal.reason))
  stopped.catch(() => undefined)
  const timer = setTimeout(() => stop.abort(new TimeLimit(`no answer within ${limitMs / 1000} s`)), limitMs)
  const state: ProbeState = { provider, addresses: [], socket: new Socket(), signal: stop.signal }
  try {
    for (const [step, take] of Object.entries(STEPS[provider.tls]) as [ProbeStep['step'], Step][]) {
      const result = await attempt(step, state, Promise.race([take(state), stopped]))
      yield result
      if (!result.ok) return
    }
    clearTimeout(timer)
    const { localAddress } = state.socket
    await leave(state.socket)
    if (stranger === undefined) return
    if (provider.cutover === 'proxied') yield await atOnce(provider)
    const limits = { limitMs, signal: stop.signal }
    yield await refusal(provider, stranger, localAddress ?? 'ADDRESS', limits)
  } finally {
    clearTimeout(timer)
    stop.abort()
    state.socket.destroy()
  }
}

/** People who are proxied come from one address, all of them. */
async function atOnce(provider: Provider): Promise<ProbeStep> {
  const startedAt = performance.now()
  const found = await connectionsAtOnce(provider, AT_ONCE)
  const milliseconds = Math.ceil(performance.now() - startedAt)
  const flaw = atOnceFlaw(provider, found)
  if (flaw !== null) return { step: 'connections', ok: false, found: flaw.why, remedy: flaw.remedy, milliseconds }
  const most = found.isRefused ? 'and no more' : 'or more'
  return {
    step: 'connections',
    ok: true,
    found: `takes ${found.taken} at once from this address, ${most}`,
    milliseconds,
  }
}

/** The source counts a connection until it has closed it itself. */
async function leave(socket: Socket): Promise<void> {
  if (!socket.resume().closed) await within(LEAVE_LIMIT_MS, once(socket, 'close')).catch(() => undefined)
  socket.destroy()
}

class TimeLimit extends Error {
  readonly code = 'ETIMEDOUT'
}

async function attempt(step: ProbeStep['step'], state: ProbeState, taken: Promise<string>): Promise<ProbeStep> {
  const startedAt = performance.now()
  const result = await resultOf(step, state.provider, taken)
  const seen = step === 'tls' && state.daysLeft !== undefined ? { daysLeft: state.daysLeft } : {}
  return { step, ...result, ...seen, milliseconds: Math.ceil(performance.now() - startedAt) }
}

async function resultOf(step: ProbeStep['step'], provider: Provider, taken: Promise<string>) {
  try {
    return { ok: true, found: await taken }
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException
    const remedy = error instanceof ProbeFailure ? error.remedy : remedyOf(step, provider, code)
    return { ok: false, found: message, remedy }
  }
}

/** What to try when the network broke a step. */
function remedyOf(step: ProbeStep['step'], { name, host, port, tls }: Provider, code: string | undefined): string {
  if (step === 'resolve') return `check the name of the host (postferry provider set ${name} --host …) and the resolver`
  if (step === 'connect') {
    const elsewhere = `check host and port (postferry provider set ${name} --host … --port …)`
    return code === 'ECONNREFUSED'
      ? elsewhere
      : `check that no firewall drops connections to ${host} port ${port}, and ${elsewhere}`
  }
  if (step === 'greeting' && tls !== 'implicit' && code === 'ETIMEDOUT') {
    return `if port ${port} speaks TLS from the start: postferry provider set ${name} --tls implicit`
  }
  return 'try again; when it stays, ask whoever runs the old server whether it limits or blocks connections from here'
}
