import { type Fields, type Operation, performer, type Said } from '../../src/operations/operation.ts'
import { BY } from './by.ts'

/** Carries operations out for the tests, with these things to work on. */
export function performing<Deps>(deps: Deps) {
  const perform = performer(deps)
  return <F extends Fields, R>(operation: Operation<F, R, Deps>, said: Said): Promise<R> =>
    perform(operation, said, { actor: BY.actor, role: 'owner' })
}
