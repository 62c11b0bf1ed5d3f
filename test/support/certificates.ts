import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { chmod, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { OWN } from './debian.ts'

const run = promisify(execFile)

/** One server certificate as PEM files, and what a client may trust it by. */
export interface Certificate {
  cert: string
  key: string
  /** The CA file that signed it. */
  ca: string
  /** SHA-256 of the certificate: upper-case hex, with colons. */
  fingerprint: string
}

export interface Certificates {
  /** For `localhost` and `127.0.0.1`. */
  server: Certificate
  /** The same names, signed by the same CA, its time is over. */
  expired: Certificate
  /** Signed by the same CA for another host. */
  wrongName: Certificate
  /** The right names, signed by a CA that nobody trusts. */
  foreign: Certificate
}

let made: Promise<Certificates> | undefined

/** The certificates of this process: made at the first call, removed when the process ends. */
export function certificates(): Promise<Certificates> {
  made ??= makeCertificates()
  return made
}

async function makeCertificates(): Promise<Certificates> {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-tls-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  await chmod(folder, 0o711)
  const [ca, otherCa] = await Promise.all([makeCa(folder, 'ca'), makeCa(folder, 'other-ca')])
  const names = 'DNS:localhost,IP:127.0.0.1'
  const [server, expired, wrongName, foreign] = await Promise.all([
    sign(folder, ca, 'server', names),
    sign(folder, ca, 'expired', names, OVER),
    sign(folder, ca, 'wrong-name', 'DNS:elsewhere.example'),
    sign(folder, otherCa, 'foreign', names),
  ])
  return { server, expired, wrongName, foreign }
}

const VALID = ['-days', '30']
/** Each OpenSSL knows only one of these ways to say it. */
const OVER = OWN.release === 12 ? ['-days', '-1'] : ['-not_before', '20250101000000Z', '-not_after', '20250201000000Z']
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** @returns the path without ending: `.pem` is the certificate, `.key` its key */
async function makeCa(folder: string, name: string): Promise<string> {
  const ca = join(folder, name)
  // As openssl makes it by default: without the key usage that it has not said.
  const subject = ['-subj', `/CN=postferry test ${name}`]
  await run('openssl', [
    'req',
    '-x509',
    ...NEW_KEY,
    '-keyout',
    `${ca}.key`,
    '-out',
    `${ca}.pem`,
    '-days',
    '30',
    ...subject,
  ])
  return ca
}

async function sign(folder: string, ca: string, name: string, names: string, time = VALID): Promise<Certificate> {
  const path = join(folder, name)
  const cert = `${path}.pem`
  const key = `${path}.key`
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`]
  await run('openssl', ['req', ...NEW_KEY, '-keyout', key, '-out', `${path}.csr`, ...subject])
  const issuer = ['-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-copy_extensions', 'copy']
  await run('openssl', ['x509', '-req', '-in', `${path}.csr`, ...issuer, ...time, '-out', cert])
  const { fingerprint256 } = new X509Certificate(await readFile(cert))
  return { cert, key, ca: `${ca}.pem`, fingerprint: fingerprint256 }
}
