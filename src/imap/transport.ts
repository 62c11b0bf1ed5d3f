import { readFileSync } from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'
import type { ImapTransport } from 'imapflow'
import type { Provider } from '../model/provider.ts'

/** OLD's certificate is not the one that it has to be. */
export class CertificateError extends Error {}

/** How imapflow reaches a provider: no byte is read or sent before the certificate was found right. */
export function transportTo(provider: Provider): ImapTransport {
  return {
    connect({ host, port, servername, secure }, onConnect) {
      if (!secure) return net.connect({ host, port }, onConnect)
      return checked(tls.connect({ host, port, ...named(servername), ...trust(provider) }), provider, onConnect)
    },
    upgrade(socket, { host, servername }, onSecure) {
      const options = { socket: socket as net.Socket, host, ...named(servername), ...trust(provider) }
      return checked(tls.connect(options), provider, onSecure)
    },
  }
}

/** A pinned fingerprint alone decides; else the CA file, else what this system and Node trust. */
export function trust({ fingerprint, caFile }: Provider): tls.ConnectionOptions {
  if (fingerprint !== null) return { rejectUnauthorized: false }
  return { ca: caFile === null ? publicAuthorities() : readFileSync(caFile, 'utf8') }
}

/** The SHA-256 fingerprint of a certificate: 64 lower-case hex digits. */
export function fingerprintOf(certificate: tls.PeerCertificate): string {
  return (certificate.fingerprint256 ?? '').replaceAll(':', '').toLowerCase()
}

function checked(socket: tls.TLSSocket, { fingerprint }: Provider, onSecure: () => void): tls.TLSSocket {
  return socket.once('secureConnect', () => {
    const shown = fingerprintOf(socket.getPeerCertificate())
    if (fingerprint === null || shown === fingerprint) onSecure()
    else socket.destroy(new CertificateError(`the certificate has the fingerprint ${shown}, not the pinned one`))
  })
}

function named(servername: string | undefined): { servername?: string } {
  return servername === undefined ? {} : { servername }
}

let authorities: string[] | undefined

function publicAuthorities(): string[] {
  authorities ??= [...new Set([...tls.getCACertificates('default'), ...tls.getCACertificates('system')])]
  return authorities
}
