import { NegativeCache } from '../../src/auth/auth-cache.ts'
import { authenticate, type Deps } from '../../src/auth/authenticate.ts'
import { keyedDigest } from '../../src/auth/credential-digest.ts'
import type { Arrival, Awaited, KeptPassword, KnownAccount, SourceDomain, Suspect } from '../../src/auth/ports.ts'
import type { Account } from '../../src/model/account.ts'
import { usualProvider } from '../../src/model/provider.ts'
import type { SourceAnswer, SourceLogin, SourceMailbox } from '../../src/source/ports.ts'

// A sign-in with nothing behind it but scripts, that write down what they are asked.

export const provider = usualProvider('old', 'imap.old.example')
export const anna: Account = { address: 'anna@new.example', home: '/home/anna', quotaBytes: null, enabled: true }
export const live: SourceMailbox = { provider, oldDomain: 'old.example', oldUsername: 'anna@old.example' }
export const captured: KnownAccount = {
  account: anna,
  passwords: [{ hash: 'hash of right', isDoubtful: false }],
  passwordSource: 'old',
  from: live,
  isLive: true,
  needsCredential: false,
}

export interface World {
  known?: KnownAccount | null
  /** What becomes of the account while the source is asked for the first time. */
  meanwhile?: KnownAccount | null
  awaited?: Awaited | null
  /** What the source says, to everybody or by question. */
  old?: SourceAnswer | ((question: SourceLogin) => SourceAnswer | Promise<SourceAnswer>)
  /** Old domains; all of them become new.example. */
  sources?: readonly Omit<SourceDomain, 'newDomain'>[]
  captures?: Deps['captures']['capture']
  limited?: boolean
  /** The client's network is known to be over its limit. */
  shut?: boolean
  /** Who has signed in from there. */
  visitors?: string[]
}

/** Surroundings with old.example → new.example. */
export function world({
  known = null,
  awaited = null,
  old = { kind: 'no' },
  captures,
  limited = false,
  ...given
}: World = {}) {
  const sources = (given.sources ?? [live]).map((source) => ({ ...source, newDomain: 'new.example' }))
  const seen = {
    asked: [] as string[],
    sealed: [] as object[],
    arrivals: [] as Arrival[],
    confirmed: [] as string[],
    dropped: [] as string[],
    collisions: [] as object[],
    failures: [] as Suspect[],
    verified: 0,
  }
  const deps: Deps = {
    home: '/var/vmail/%d/%n',
    directory: {
      async sourceDomainsOf(domain) {
        return domain === 'new.example' ? sources : sources.filter(({ oldDomain }) => oldDomain === domain)
      },
      awaited: async (address) => (address === 'anna@new.example' ? awaited : null),
      accountOf: async (address) => (known?.account.address === address ? known : null),
    },
    hasher: {
      hash: async (password) => `hash of ${password}`,
      async verify(hash, password) {
        seen.verified++
        return hash === `hash of ${password}`
      },
    },
    old: {
      async ask(question) {
        seen.asked.push(`${question.username} ${question.password}`)
        if (given.meanwhile !== undefined && seen.asked.length === 1) known = given.meanwhile
        return typeof old === 'function' ? await old(question) : old
      },
    },
    sealer: {
      async seal(credential) {
        seen.sealed.push(credential)
        return { bytes: new Uint8Array([1]), to: ['age1'] }
      },
    },
    failures: {
      isLimited: async () => limited || (given.shut ?? false),
      isShut: () => given.shut ?? false,
      async count(suspect) {
        seen.failures.push(suspect)
      },
    },
    visits: {
      has: async (person) => given.visitors?.includes(person) ?? false,
      note: async () => undefined,
    },
    refusals: new NegativeCache(60_000),
    digest: keyedDigest(),
    recipientDelimiter: '+',
    captures: {
      async capture(arrival) {
        seen.arrivals.push(arrival)
        if (captures) return await captures(arrival)
        return known?.account ?? { ...anna, address: arrival.address.text, home: arrival.home }
      },
      async confirm(_, hash, seenHash) {
        if (known?.passwords[0]?.hash !== seenHash) return false
        const confirmed = (one: KeptPassword) => (one.hash === hash ? { hash, isDoubtful: false } : one)
        known = { ...known, passwords: known.passwords.map(confirmed) }
        seen.confirmed.push(hash)
        return true
      },
      async drop(_, hash) {
        seen.dropped.push(hash)
      },
      async collide(arrival) {
        seen.collisions.push(arrival)
      },
    },
  }
  return { deps, seen }
}

export const ask = (deps: Deps, username: string, password: string) =>
  authenticate({ username, password, clientAddress: '192.0.2.7', signal: new AbortController().signal }, deps)
