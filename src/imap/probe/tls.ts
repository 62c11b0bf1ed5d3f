import { once } from 'node:events'
import { isIP } from 'node:net'
import tls from 'node:tls'
import { daysLeft, describe, fingerprintOf, withColons } from '../../model/certificate.ts'
import type { Provider } from '../../model/provider.ts'
import { trust } from '../login/transport.ts'
import { linesUpTo, ProbeFailure, type ProbeState, quote, type Step } from './state.ts'

/** STARTTLS (RFC 3501, section 6.2.1), then the handshake. */
export const startTls: Step = async (state) => {
  state.socket.write('s STARTTLS\r\n')
  const answer = (await linesUpTo(state.socket, (line) => line.startsWith('s '))).at(-1) ?? ''
  if (!/^s OK\b/i.test(answer)) {
    throw new ProbeFailure(
      `the server does not offer STARTTLS: ${quote(answer.slice(2))}`,
      `postferry provider set ${state.provider.name} --tls implicit --port 993`,
    )
  }
  return await handshake(state)
}

/** Accepts any certificate in order to look at it, and then judges it as a login does. */
export const handshake: Step = async (state) => {
  const { provider } = state
  const servername = isIP(provider.host) === 0 ? { servername: provider.host } : {}
  const secure = tls.connect({
    ...{ socket: state.socket, host: provider.host, ...servername },
    ...trustOf(provider),
    rejectUnauthorized: false,
  })
  secure.on('error', () => undefined)
  await once(secure, 'secureConnect').catch((error) => {
    throw handshakeFailure(error, state)
  })
  state.socket = secure
  const certificate = secure.getPeerCertificate()
  state.daysLeft = daysLeft(certificate)
  const seen = `${secure.getProtocol()}, ${describe(certificate)}`
  const flaw = flawOf(secure, certificate, provider)
  if (flaw !== null) throw new ProbeFailure(`${flaw.what}: ${seen}`, flaw.remedy)
  return seen
}

function trustOf(provider: Provider): tls.ConnectionOptions {
  try {
    return trust(provider)
  } catch (error) {
    throw new ProbeFailure(
      `cannot read the CA file ${provider.caFile} (${(error as NodeJS.ErrnoException).code})`,
      `postferry provider set ${provider.name} --ca-file FILE, or --no-ca-file to trust the system's`,
    )
  }
}

function handshakeFailure(error: NodeJS.ErrnoException, { provider: { name, port } }: ProbeState): Error {
  // The first bytes were no TLS record.
  if (!/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE/.test(error.code ?? '')) return error
  return new ProbeFailure(
    `port ${port} does not speak TLS from the start`,
    `postferry provider set ${name} --tls starttls --port 143`,
  )
}

function flawOf(
  socket: tls.TLSSocket,
  certificate: tls.PeerCertificate,
  { name, host, fingerprint }: Provider,
): { what: string; remedy: string } | null {
  const set = `postferry provider set ${name}`
  const pin = `${set} --fingerprint ${withColons(fingerprintOf(certificate))}`
  if (fingerprint !== null) {
    if (fingerprintOf(certificate) === fingerprint) return null
    return {
      what: `the certificate is not the pinned one (${withColons(fingerprint)})`,
      remedy: `if the old server has a new certificate, check it by hand, then: ${pin}`,
    }
  }
  if (socket.authorized) return null
  const code = String(socket.authorizationError)
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return { what: 'the certificate is out of its time', remedy: `renew it, or check it by hand and pin it: ${pin}` }
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const remedy = `${set} --host with a name of the certificate, or check it by hand and pin it: ${pin}`
    return { what: `the certificate is not for ${host}`, remedy }
  }
  return {
    what: `nobody who is trusted here has signed the certificate (${code})`,
    remedy: `${set} --ca-file with the CA of the old server, or check the certificate by hand and pin it: ${pin}`,
  }
}
