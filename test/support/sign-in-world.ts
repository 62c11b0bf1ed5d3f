import { AuthCache } from '../../src/auth/auth-cache.ts'
import { authenticate } from '../../src/auth/authenticate.ts'
import { keyedDigest } from '../../src/auth/keyed-digest.ts'
import type {
  AuthDeps,
  Awaited,
  KeptPassword,
  KnownAccount,
  ProvenLogin,
  RateLimitSubject,
  SourceDomain,
} from '../../src/auth/ports.ts'
import { fromDatabase } from '../../src/auth/unavailable.ts'
import type { Account } from '../../src/model/account.ts'
import { parseAddress } from '../../src/model/address.ts'
import { newProvider } from '../../src/model/provider-changes.ts'
import type { SourceAnswer, SourceLogin, SourceMailbox } from '../../src/source/ports.ts'

// A sign-in with nothing behind it but scripts, that write down what they are asked.

const provider = newProvider('old', { host: 'imap.old.example' })
export const anna: Account = { address: 'anna@new.example', home: '/home/anna', quotaBytes: null, enabled: true }
export const live: SourceMailbox = { provider, oldDomain: 'old.example', oldUsername: 'anna@old.example' }
export const provisioned: KnownAccount = {
  account: anna,
  passwords: [{ hash: 'hash of right', isDoubtful: false }],
  passwordSource: 'source',
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
  sources?: readonly (Omit<SourceDomain, 'newDomain' | 'isClosed'> & { readonly isClosed?: boolean })[]
  provision?: AuthDeps['provisioner']['provision']
  limited?: boolean
  /** The client's network is known to be over its limit. */
  shut?: boolean
  /** Who has signed in from there. */
  visitors?: string[]
}

/** Deps with old.example → new.example. */
export function world({
  known = null,
  awaited = null,
  old = { kind: 'no' },
  provision,
  limited = false,
  ...given
}: World = {}) {
  const sources = (given.sources ?? [live]).map((source) => ({ isClosed: false, ...source, newDomain: 'new.example' }))
  const seen = {
    asked: [] as string[],
    sealed: [] as object[],
    proven: [] as ProvenLogin[],
    confirmed: [] as string[],
    dropped: [] as string[],
    collisions: [] as object[],
    failures: [] as RateLimitSubject[],
    verified: 0,
  }
  const deps: AuthDeps = {
    home: '/var/vmail/%d/%n',
    userdb: {
      async sourceDomainsOf(domain) {
        return domain === 'new.example' ? sources : sources.filter(({ oldDomain }) => oldDomain === domain)
      },
      awaited: async (address) => (address === 'anna@new.example' ? awaited : null),
      accountOf: async (address) => (known?.account.address === address ? known : null),
      addressesAfter: async () => [],
    },
    hasher: {
      hash: async (password) => `hash of ${password}`,
      async verify(hash, password) {
        seen.verified++
        return hash === `hash of ${password}`
      },
    },
    source: {
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
    rateLimit: {
      isExceeded: async () => limited || (given.shut ?? false),
      isClientExceeded: () => given.shut ?? false,
      async penalize(subject) {
        seen.failures.push(subject)
      },
    },
    visits: {
      has: async (person) => given.visitors?.includes(person) ?? false,
      note: async () => undefined,
    },
    sourceRefusals: new AuthCache({ ttlMs: 0, negativeTtlMs: 60_000 }, () => true),
    digest: keyedDigest(),
    fromDatabase: fromDatabase((_, work) => work()),
    onProvisioned: () => undefined,
    recipientDelimiter: '+',
    provisioner: {
      async provision(proven) {
        seen.proven.push(proven)
        if (provision) return await provision(proven)
        return known?.account ?? { ...anna, address: proven.address.text, home: proven.home }
      },
      async confirmPassword(_, hash, seenHash) {
        if (known?.passwords[0]?.hash !== seenHash) return false
        const confirmed = (one: KeptPassword) => (one.hash === hash ? { hash, isDoubtful: false } : one)
        known = { ...known, passwords: known.passwords.map(confirmed) }
        seen.confirmed.push(hash)
        return true
      },
      async dropPassword(_, hash) {
        seen.dropped.push(hash)
      },
      async noteCollision(newcomer) {
        seen.collisions.push(newcomer)
      },
    },
  }
  return { deps, seen }
}

export const ask = (deps: AuthDeps, username: string, password: string) =>
  authenticate(
    {
      address: parseAddress(username),
      ...{ password, passwordDigest: deps.digest(password) },
      ...{ clientAddress: '192.0.2.7', signal: new AbortController().signal },
    },
    deps,
  )
