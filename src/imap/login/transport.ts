import { readFileSync, statSync } from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'
import type { ImapTransport } from 'imapflow'
import { fingerprintOf } from '../../model/certificate.ts'
import type { Provider } from '../../model/provider.ts'

/** More than a login ever needs. */
const SIGN_IN_BYTES = 256 * 1024

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
  mostBytes = SIGN_IN_BYTES,
): ImapTransport & { upgrade: NonNullable<ImapTransport['upgrade']> } {
  return {
    connect({ host, port, servername, secure }, onConnect) {
      if (!secure) return bounded(net.connect({ host, port }, onConnect), mostBytes)
      return checked(
        tls.connect({ host, port, ...named(servername), ...trust(provider) }),
        provider,
        mostBytes,
        onConnect,
      )
    },
    upgrade(socket, { host, servername }, onSecure) {
      const options = { socket: socket as net.Socket, host, ...named(servername), ...trust(provider) }
      return checked(tls.connect(options), provider, mostBytes, onSecure)
    },
  }
}

/** A pinned fingerprint alone decides; else the CA file, else what this system and Node trust. */
export function trust({ fingerprint, caFile }: Provider): tls.ConnectionOptions {
  if (fingerprint !== null) return { rejectUnauthorized: false }
  return { secureContext: caFile === null ? publicContext() : contextOf(caFile) }
}

function checked(
  socket: tls.TLSSocket,
  { fingerprint }: Provider,
  mostBytes: number,
  onSecure: () => void,
): tls.TLSSocket {
  return bounded(socket, mostBytes).once('secureConnect', () => {
    const shown = fingerprint === null ? null : fingerprintOf(socket.getPeerCertificate())
    if (shown === fingerprint) onSecure()
    else socket.destroy(new CertificateError(`the certificate has the fingerprint ${shown}, not the pinned one`))
  })
}

/** Ends the connection of a server that sends more, be it one line, one literal or many lines. */
function bounded<S extends net.Socket>(socket: S, mostBytes: number): S {
  const push = socket.push.bind(socket)
  let room = mostBytes
  // Not as a listener: it would let a socket flow that is about to be handed over to TLS.
  socket.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    room -= chunk?.length ?? 0
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
let trustedByAll: tls.SecureContext | undefined
const byFile = new Map<string, { readonly version: string; readonly context: tls.SecureContext }>()

function publicContext(): tls.SecureContext {
  trustedByAll ??= tls.createSecureContext({
    ca: [...new Set([...tls.getCACertificates('default'), ...tls.getCACertificates('system')])],
  })
  return trustedByAll
}

/** Read again when the file has changed. */
function contextOf(file: string): tls.SecureContext {
  const { mtimeMs, size, ino } = statSync(file)
  const version = `${mtimeMs} ${size} ${ino}`
  const known = byFile.get(file)
  if (known?.version === version) return known.context
  const context = tls.createSecureContext({ ca: readFileSync(file, 'utf8') })
  byFile.set(file, { version, context })
  return context
}
