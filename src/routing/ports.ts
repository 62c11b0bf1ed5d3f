import type { Userdb } from '../auth/ports.ts'
import type { OldMailbox } from '../model/provider.ts'

/** Looks up whose an address is. */
export interface Owners extends Pick<Userdb, 'sourceDomainsOf'> {
  /** Whose this address of the destination is; null: nobody's who is known by name. */
  ownerOf(address: string): Promise<Owner | null>
}

export interface Owner {
  /** The person has signed in here. */
  readonly hasAccount: boolean
  /** The person has signed in here, and the mail comes here since. */
  readonly isHere: boolean
  /** A flip holds the person's mail at this moment. */
  readonly isHeld: boolean
  /** Null: the account was made on the destination. */
  readonly from: OldMailbox | null
}
