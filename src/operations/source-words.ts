import type { SourceAnswer } from '../source/ports.ts'

/** Why the old server lets somebody not in. @param refused what it refuses */
export function whyNot(answer: Exclude<SourceAnswer, { kind: 'yes' }>, refused = 'this password'): string {
  switch (answer.kind) {
    case 'no':
      return `the old server refuses ${refused}`
    case 'disabled':
    case 'expired':
      return `the old server says that the account is ${answer.kind}`
    case 'trouble':
      return `the old server could not be asked (${answer.code})`
  }
}
