import { readFileSync, statSync } from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'
import type { ImapTransport } from 'imapflow'
import { fingerprintOf } from '../../model/certificate.ts'
import { isOutdated, type Provider } from '../../model/provider.ts'

const SIGN_IN_BYTES = 256 * 1024

export interface ReadingLimits {
  /** Default: more than a login ever needs. */
  readonly mostBytes?: number
  /** Called with how many bytes have come. */
  onBytes?(bytes: number): void
}

/** The source's certificate is not the one that it has to be. */
export class CertificateError extends Error {}

class FloodError extends Error {
  readonly code = 'Flood'
}

/**
 * imapflow's transport to a provider: nothing is read or sent before the certificate is verified, and no more than
 * `mostBytes` are read.
 */
export function transportTo(
  provider: Provider,
  reading: ReadingLimits = {},
): ImapTransport & { upgrade: NonNullable<ImapTransport['upgrade']> } {
  return {
    connect({ host, port, servername, secure }, onConnect) {
      if (!secure) return bounded(net.connect({ host, port }, onConnect), reading)
      return checked(
        tls.connect({ host, port, ...named(servername), ...trust(provider) }),
        provider,
        reading,
        onConnect,
      )
    },
    upgrade(socket, { host, servername }, onSecure) {
      const options = { socket: socket as net.Socket, host, ...named(servername), ...trust(provider) }
      return checked(tls.connect(options), provider, reading, onSecure)
    },
  }
}

/** A pinned fingerprint alone decides; else the CA file, else what this system and Node trust. */
export function trust({ fingerprint, caFile, tlsMin }: Provider): tls.ConnectionOptions {
  const versions = versionsFrom(tlsMin)
  if (fingerprint !== null) return { rejectUnauthorized: false, ...versions }
  return { secureContext: caFile === null ? publicContext(versions) : contextOf(caFile, versions) }
}

const VERSIONS = { '1.0': 'TLSv1', '1.1': 'TLSv1.1', '1.2': 'TLSv1.2', '1.3': 'TLSv1.3' } as const

/** OpenSSL speaks outdated versions at its lowest level of security only. */
function versionsFrom(tlsMin: Provider['tlsMin']): tls.SecureContextOptions {
  return { minVersion: VERSIONS[tlsMin], ...(isOutdated(tlsMin) && { ciphers: 'DEFAULT:@SECLEVEL=0' }) }
}

function checked(
  socket: tls.TLSSocket,
  { fingerprint }: Provider,
  reading: ReadingLimits,
  onSecure: () => void,
): tls.TLSSocket {
  return bounded(socket, reading).once('secureConnect', () => {
    const shown = fingerprint === null ? null : fingerprintOf(socket.getPeerCertificate())
    if (shown === fingerprint) onSecure()
    else socket.destroy(new CertificateError(`the certificate has the fingerprint ${shown}, not the pinned one`))
  })
}

/** Ends the connection of a server that sends more, be it one line, one literal or many lines. */
function bounded<S extends net.Socket>(socket: S, { mostBytes = SIGN_IN_BYTES, onBytes }: ReadingLimits): S {
  // Commands that go out together are several writes: none waits until the one before it has arrived.
  socket.setNoDelay()
  const push = socket.push.bind(socket)
  let room = mostBytes
  // Not as a listener: it would let a socket flow that is about to be handed over to TLS.
  socket.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    room -= chunk?.length ?? 0
    onBytes?.(chunk?.length ?? 0)
    if (room >= 0) return push(chunk, encoding)
    socket.destroy(new FloodError('the server sends more than a login needs'))
    return false
  }
  return socket
}

function named(servername: string | undefined): { servername?: string } {
  return servername === undefined ? {} : { servername }
}

// Reading some hundred certificates takes 10 ms: not for each login.
const trustedByAll = new Map<string, tls.SecureContext>()
const byFile = new Map<string, { readonly version: string; readonly context: tls.SecureContext }>()

function publicContext(versions: tls.SecureContextOptions): tls.SecureContext {
  const key = JSON.stringify(versions)
  const known = trustedByAll.get(key)
  if (known !== undefined) return known
  const ca = [...new Set([...tls.getCACertificates('default'), ...tls.getCACertificates('system')])]
  const context = tls.createSecureContext({ ca, ...versions })
  trustedByAll.set(key, context)
  return context
}

/** Read again when the file has changed. */
function contextOf(file: string, versions: tls.SecureContextOptions): tls.SecureContext {
  const { mtimeMs, size, ino } = statSync(file)
  const key = `${JSON.stringify(versions)} ${file}`
  const version = `${mtimeMs} ${size} ${ino}`
  const known = byFile.get(key)
  if (known?.version === version) return known.context
  const context = tls.createSecureContext({ ca: readFileSync(file, 'utf8'), ...versions })
  byFile.set(key, { version, context })
  return context
}
