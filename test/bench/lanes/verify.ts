import { hash, verify } from '@node-rs/argon2'
import type { Lane, Person } from './lane.ts'

/** What postferry hashes with. */
export const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

export interface VerifySettings {
  readonly kind: 'verify'
  readonly people: readonly Person[]
  readonly lanes: number
}

/** Verifies passwords and does nothing else. */
export async function verifyLanes({ people, lanes }: VerifySettings): Promise<Lane[]> {
  const hashes = await Promise.all(people.map(({ password }) => hash(password, COST)))
  const lane: Lane = {
    ask(person, answered) {
      verify(hashes[person] as string, people[person]?.password as string).then(
        (right) => answered(right ? 'OK' : 'wrong'),
        (error) => answered(String(error)),
      )
    },
  }
  return Array.from({ length: lanes }, () => lane)
}
