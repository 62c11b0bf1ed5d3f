import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { isRefused, Refused } from '../model/refused.ts'

const PEM_LIMIT = 4 * 1024 * 1024
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** The path of a PEM file that can be used. @throws Refused */
export function readableCa(file: string): string {
  const refuse = (why: string) => new Refused('invalid', why)
  try {
    const stat = statSync(file)
    if (!stat.isFile()) throw refuse(`${file} is not a file.`)
    if (stat.size > PEM_LIMIT) throw refuse(`${file} is too large for certificates.`)
    const certificates = readFileSync(file, 'latin1').match(PEM)
    if (certificates === null) throw refuse(`There is no PEM certificate in ${file}.`)
    for (const certificate of certificates) new X509Certificate(certificate)
    return file
  } catch (error) {
    if (isRefused(error, 'invalid')) throw error
    const { syscall, code } = error as NodeJS.ErrnoException
    throw refuse(syscall === undefined ? `A certificate in ${file} is damaged.` : `${file} cannot be read (${code}).`)
  }
}
