import { spawn } from 'node:child_process'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { freePort } from './loopback.ts'
import { until } from './until.ts'

/** A real name server that knows these records and nothing else. */
export interface NameServer extends AsyncDisposable {
  /** As node:dns and `--dns-server` take it. */
  readonly address: string
}

/** @param records options of dnsmasq: `--txt-record=…`, `--mx-host=…`, `--host-record=…` */
export async function startDns(records: readonly string[]): Promise<NameServer> {
  const port = await freePort()
  const own = [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--no-resolv',
    '--no-hosts',
    '--user=root',
    '--pid-file',
  ]
  const where = [`--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces', '--local=/./']
  const server = spawn('dnsmasq', [...own, ...where, '--host-record=started.test,192.0.2.99', ...records])
  let said = ''
  server.stderr.setEncoding('utf8').on('data', (text) => (said += text))
  server.on('error', (error) => (said += error.message))
  const address = `127.0.0.1:${port}`
  const resolver = new Resolver({ timeout: 200, tries: 1 })
  resolver.setServers([address])
  await until(async () => {
    if (server.exitCode !== null) throw new Error(`dnsmasq does not start: ${said}`)
    return (await resolver.resolve4('started.test').catch(() => [])).length > 0 || undefined
  }, 'the name server answers')
  return {
    address,
    async [Symbol.asyncDispose]() {
      server.kill()
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    },
  }
}
