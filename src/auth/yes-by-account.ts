import { LRUCache } from 'lru-cache'
import type { Ok } from '../model/verdict.ts'

/** Logins that were let in lately, each with its yes; those of one account are found without looking at any other. */
export class YesByAccount {
  readonly #byLogin: LRUCache<string, Ok>
  readonly #logins = new Map<string, Set<string>>()

  constructor(limits: { readonly max: number; readonly ttl: number; readonly ttlResolution: number }) {
    this.#byLogin = new LRUCache({ ...limits, dispose: ({ account }, login) => this.#drop(account.address, login) })
  }

  get(login: string): Ok | undefined {
    return this.#byLogin.get(login)
  }

  set(login: string, ok: Ok, { noUpdateTTL = false } = {}): void {
    const { address } = ok.account
    this.#byLogin.set(login, ok, { noUpdateTTL })
    const logins = this.#logins.get(address)
    if (logins === undefined) this.#logins.set(address, new Set([login]))
    else logins.add(login)
  }

  forget(address: string): void {
    for (const login of this.#logins.get(address) ?? []) this.#byLogin.delete(login)
  }

  clear(): void {
    this.#byLogin.clear()
  }

  /** Whatever leaves the cache leaves the index. */
  #drop(address: string, login: string): void {
    const logins = this.#logins.get(address)
    logins?.delete(login)
    if (logins?.size === 0) this.#logins.delete(address)
  }
}
