/** Something took longer than it may. */
class TooLate extends Error {}

/** What `work` comes to; when it takes longer than `limitMs`, TooLate, and its end does not matter any more. */
export async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TooLate(`no answer within ${limitMs / 1000} s`)), limitMs)
  })
  return await Promise.race([work, limit]).finally(() => clearTimeout(timer))
}
