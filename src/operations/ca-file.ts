import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { isRefused, Refused } from '../model/refused.ts'

const PEM_LIMIT = 4 * 1024 * 1024
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** The absolute path of a PEM file that can be used. @throws Refused */
export function readableCa(path: string): string {
  const file = resolve(path)
  const refuse = (why: string) => new Refused('invalid', `${file}: ${why}`)
  try {
    const stat = statSync(file)
    if (!stat.isFile()) throw refuse('it is not a file')
    if (stat.size > PEM_LIMIT) throw refuse('it is too large for certificates')
    const certificates = readFileSync(file, 'latin1').match(PEM)
    if (certificates === null) throw refuse('there is no PEM certificate in it')
    for (const certificate of certificates) new X509Certificate(certificate)
    return file
  } catch (error) {
    if (isRefused(error, 'invalid')) throw error
    const { syscall, code } = error as NodeJS.ErrnoException
    throw refuse(syscall === undefined ? 'a certificate in it is damaged' : `it cannot be read (${code})`)
  }
}
