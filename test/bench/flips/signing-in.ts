import { setTimeout as pause } from 'node:timers/promises'
import { signIn } from '../../support/sign-in.ts'
import type { FlipWorld, Person } from './world.ts'

/** People do not come all at once. */
const APART_MS = 50

/** Signs people who are here in, one after the other, again and again. @returns what each took, in ms */
export async function signInsUntil(
  { dovecot }: FlipWorld,
  people: readonly Person[],
  isOver: () => boolean,
): Promise<number[]> {
  const taken: number[] = []
  while (!isOver()) {
    for (const [address, password] of people) {
      const startedAt = performance.now()
      const answer = await signIn(dovecot.port, address, password)
      if (!answer.startsWith('OK')) throw new Error(`${address}: ${answer}`)
      taken.push(performance.now() - startedAt)
      await pause(APART_MS)
    }
  }
  return taken
}

/** The same for so many rounds over all of them. */
export function signInRounds(world: FlipWorld, people: readonly Person[], rounds: number): Promise<number[]> {
  let round = 0
  return signInsUntil(world, people, () => round++ >= rounds)
}

/** So many sign-ins are made at a time. */
const TOGETHER = 8

/** @returns how many sign-ins of these people there are a second */
export async function signInsPerSecond(
  { dovecot }: FlipWorld,
  people: readonly Person[],
  count: number,
): Promise<number> {
  const startedAt = performance.now()
  let made = 0
  const comeAndGo = async () => {
    for (let number = made++; number < count; number = made++) {
      const [address, password] = people[number % people.length] as Person
      const answer = await signIn(dovecot.port, address, password)
      if (!answer.startsWith('OK')) throw new Error(`${address}: ${answer}`)
    }
  }
  await Promise.all(Array.from({ length: TOGETHER }, comeAndGo))
  return (1000 * count) / (performance.now() - startedAt)
}
