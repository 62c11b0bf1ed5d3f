import { type Allotment, openBudget, type Shares } from '../../src/source/budget.ts'

/** A budget of one process alone. */
export function budgetOf(most: number) {
  return openBudget(sharesOf(most))
}

/** All connections are one process's. */
function sharesOf(most: number): Shares {
  return {
    claim: async (_provider, _use, _keep, want): Promise<Allotment> => ({ may: Math.min(want, most), excess: 0, most }),
  }
}
