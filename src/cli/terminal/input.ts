import { createReadStream } from 'node:fs'
import { EXIT, Failure } from './exit.ts'

/** What stands in a file; `-` is standard input. */
export async function* inputOf(file: string): AsyncGenerator<Buffer> {
  try {
    yield* file === '-' ? process.stdin : createReadStream(file)
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    throw syscall === undefined ? error : new Failure(EXIT.data, `cannot read ${file} (${code})`)
  }
}
