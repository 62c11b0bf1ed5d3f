import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Finding } from './finding.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const SOON_DAYS = 14

/** Whether a server's own certificate ends soon. */
export function checkCertificate(id: string, file: string): Finding {
  const check = 'certificate'
  try {
    const { validTo } = new X509Certificate(readFileSync(file))
    return { check, id, ...judged(file, Math.floor((Date.parse(validTo) - Date.now()) / DAY_MS)) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const found = `${file} cannot be read (${code ?? message})`
    return { check, id, result: 'warn', found, remedy: 'run as root, or correct the name of the file' }
  }
}

/** @param whose the file, or the server that shows it */
export function judged(whose: string, daysLeft: number): Pick<Finding, 'result' | 'found' | 'why' | 'remedy'> {
  const why = 'mail programs refuse to connect, and Postfix and postferry too, once it has ended'
  const remedy = 'renew it, and have its server read it again'
  if (daysLeft < 0) return { result: 'fail', found: `the certificate of ${whose} has ended`, why, remedy }
  const found = `the certificate of ${whose} is good for ${daysLeft} days`
  return daysLeft < SOON_DAYS ? { result: 'warn', found, why, remedy } : { result: 'ok', found }
}
