import { COLLISION_REMEDIES, collisionText, type Sharing } from '../../operations/collisions.ts'
import type { Deps } from '../../operations/deps.ts'
import type { Finding } from './finding.ts'

/** Whether everybody has what only one can have. */
export async function* checkPeople(deps: Deps): AsyncGenerator<Finding> {
  yield* checkHomeTemplate(deps)
  const { collisions } = deps
  // Each of them is somebody with a right password who cannot get in.
  for (const one of await collisions.wanted()) {
    yield { ...COLLISION, found: collisionText(one), remedy: COLLISION_REMEDIES[one.what] }
  }
  for (const { what, name, addresses } of await collisions.shared()) {
    const found = `${addresses.join(', ')} have the same ${TITLES[what]}: ${name}`
    yield { ...COLLISION, found, remedy: REMEDIES[what] }
  }
}

const COLLISION = { check: 'collision', result: 'fail', namesPeople: true } as const
const TITLES: Readonly<Record<Sharing['what'], string>> = { home: 'home', mailbox: 'mailbox on the old server' }
const REMEDIES: Readonly<Record<Sharing['what'], string>> = {
  home: 'pause them (postferry migration pause), take their mail apart, and write a home of its own for all but one into the table account',
  mailbox: 'ask whose it is, and finish the migration of the others (postferry migration finish --force)',
}

async function* checkHomeTemplate({ settings: { home }, domains }: Deps): AsyncGenerator<Finding> {
  const names = new Set((await domains.list()).map(({ newDomain }) => newDomain))
  if (names.size < 2 || /%[du]/.test(home)) return
  const found = `POSTFERRY_HOME=${home} gives people of ${[...names].join(', ')} one home`
  yield { check: 'homes', result: 'fail', found, remedy: 'put %d or %u into it: who is here keeps their home' }
}
