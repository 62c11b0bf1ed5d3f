import type { PeerCertificate } from 'node:tls'

const DAY_MS = 24 * 60 * 60 * 1000
const NAMES_SHOWN = 10

/** The SHA-256 fingerprint of a certificate: 64 lower-case hex digits. */
export function fingerprintOf(certificate: PeerCertificate): string {
  return (certificate.fingerprint256 ?? '').replaceAll(':', '').toLowerCase()
}

/** Its names, who issued it, how long it is valid, and its fingerprint. */
export function describe(certificate: PeerCertificate): string {
  const names = namesOf(certificate)
  const shown = names.slice(0, NAMES_SHOWN).join(', ') + (names.length > NAMES_SHOWN ? ', …' : '')
  return `for ${shown}, issued by ${issuerOf(certificate)}, ${validity(certificate)}, SHA-256 ${withColons(fingerprintOf(certificate))}`
}

function namesOf({ subjectaltname, subject }: PeerCertificate): string[] {
  if (subjectaltname === undefined) return [String(subject?.CN ?? 'nobody')]
  return subjectaltname.split(', ').map((name) => name.replace(/^(DNS|IP Address):/, ''))
}

function issuerOf({ issuer }: PeerCertificate): string {
  return [issuer?.CN, issuer?.O].filter((name) => name !== undefined).join(', ') || 'nobody'
}

function validity(certificate: PeerCertificate): string {
  const days = daysLeft(certificate)
  const end = new Date(certificate.valid_to)
  return days < 0 ? `expired on ${end.toISOString().slice(0, 10)}` : `${days} days left`
}

/** Whole days; negative: it has expired. */
export function daysLeft({ valid_to }: PeerCertificate): number {
  return Math.floor((new Date(valid_to).getTime() - Date.now()) / DAY_MS)
}

/** As OpenSSL prints it. */
export function withColons(fingerprint: string): string {
  return fingerprint.toUpperCase().replace(/(?<=..)(?=(..)+$)/g, ':')
}
