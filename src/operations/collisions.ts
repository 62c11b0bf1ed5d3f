// What only one person can have, and who wants it too.

/**
 * Somebody whom the source lets in, and who cannot be taken in: their address, their mailbox at the source or their
 * home is somebody else's. It is over when it is not so any more.
 */
export interface Collision {
  /** What the person would be called on the destination. */
  readonly address: string
  readonly provider: string
  readonly oldDomain: string
  readonly oldUsername: string
  readonly what: 'address' | 'mailbox' | 'home'
  /** Who has it: an old user name where it is the address, an address on the destination else. */
  readonly whose: string
  /** When the person was sent away the last time. */
  readonly at: Date
}

/** What several people have although only one can: it was so before that was refused. */
export interface Sharing {
  readonly what: 'home' | 'mailbox'
  readonly name: string
  /** On the destination. */
  readonly addresses: readonly string[]
}

export interface Collisions {
  /** The last ones first. */
  wanted(): Promise<Collision[]>
  shared(): Promise<Sharing[]>
}

/** Who wants what of whose. */
export function collisionText({ address, provider, oldUsername, what, whose }: Collision): string {
  const who = `${oldUsername} of ${provider}`
  switch (what) {
    case 'address':
      return `${who} would be ${address}, which is ${whose}'s`
    case 'mailbox':
      return `${who} would be ${address}, and is ${whose} already`
    case 'home':
      return `${who} would be ${address}, with a home that is ${whose}'s`
  }
}

/** What to do about a collision. */
export const COLLISION_REMEDIES: Readonly<Record<Collision['what'], string>> = {
  address: 'rename one of the two on the old server, or give one of the two domains another new name',
  mailbox: 'one mailbox becomes one account: import the other address with its own old user name, or make it an alias',
  home: 'put %d or %u into POSTFERRY_HOME: it holds for everybody who comes from then on',
}
