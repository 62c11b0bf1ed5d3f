import type { Provider } from '../model/provider.ts'

/**
 * What a new domain means for its people, as far as the last test of its provider tells. @param test how to make one
 */
export function domainAdded(domain: string, { name, lastTest }: Provider, test: string): string {
  if (lastTest === null) return `${domain} is added; ${name} was not tested yet as it is now: ${test}`
  if (lastTest.failedStep === null) return `the people of ${domain} can sign in now`
  return `${domain} is added, but nobody can sign in: the last test of ${name} failed (${lastTest.failedStep}); ${test}`
}

/** Whether they can. */
export function isReachable({ lastTest }: Provider): boolean {
  return lastTest?.failedStep === null
}
