import { lstatSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { EXIT, Failure } from './exit.ts'

const KERNELS_OWN = /^\/(dev|proc)(\/|$)/

/**
 * Before a file is replaced whole: a device, a pipe, or the link /dev/stdout would be lost to everybody.
 * @param instead what to do, besides naming a file
 */
export function refuseSpecial(file: string, instead: string): void {
  const there = statSync(file, { throwIfNoEntry: false })
  const isLink = there !== undefined && lstatSync(file).isSymbolicLink()
  const isFile = there === undefined || there.isFile()
  if (isFile && !(isLink && KERNELS_OWN.test(realpathSync(dirname(file))))) return
  throw new Failure(EXIT.cannotCreate, `${file} is no file: name one, or ${instead}`)
}
