import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { certificates } from './certificates.ts'
import { freePort } from './loopback.ts'
import { HANG_MS } from './until.ts'

const SHIPPED = join(import.meta.dirname, '../../deploy/nginx/postferry.conf')

/** A running nginx with the very site file that an administrator installs, only in other places. */
export interface Nginx extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** The CA file that signed its certificate. */
  readonly ca: string
}

export interface NginxSettings {
  /** Where postferry listens: `127.0.0.1:8025`, or `unix:` and a path. */
  readonly upstream: string
  /** Whom the site is for; without it, whom the file names. */
  readonly network?: string
}

export async function startNginx({ upstream, network }: NginxSettings): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'postferry-nginx-'))
  chmodSync(folder, 0o711)
  const { server: tls } = await certificates()
  const port = await freePort()
  const site = installed({
    'server 127.0.0.1:8025;': `server ${upstream};`,
    'listen 443 ssl http2;\n  listen [::]:443 ssl http2;': `listen 127.0.0.1:${port} ssl http2;`,
    'server_name postferry.example;': 'server_name localhost;',
    '/etc/ssl/postferry/fullchain.pem': tls.cert,
    '/etc/ssl/postferry/privkey.pem': tls.key,
    ...(network && { '192.0.2.0/24': network }),
  })
  writeFileSync(join(folder, 'site.conf'), site)
  writeFileSync(join(folder, 'nginx.conf'), aroundSite(folder))
  const child = spawn('/usr/sbin/nginx', ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')])
  const leash = () => child.kill()
  // A test that fails leaves none behind.
  process.once('exit', leash)
  await listening(child, port, join(folder, 'error.log'))
  return {
    url: `https://localhost:${port}`,
    port,
    ca: tls.ca,
    async [Symbol.asyncDispose]() {
      process.off('exit', leash)
      const ended = once(child, 'exit')
      child.kill()
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The shipped file with places replaced. @throws when it does not name such a place any more */
function installed(places: Readonly<Record<string, string>>): string {
  let text = readFileSync(SHIPPED, 'utf8')
  for (const [shipped, here] of Object.entries(places)) {
    if (!text.includes(shipped)) throw new Error(`postferry.conf does not contain ${shipped}`)
    text = text.replaceAll(shipped, () => here)
  }
  return text
}

/** As much of Debian's nginx.conf as matters. */
function aroundSite(folder: string): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
${process.getuid?.() === 0 ? 'user www-data;' : ''}
daemon off;
pid ${folder}/nginx.pid;
events {
}
http {
  ${places.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  access_log off;
  gzip on;
  include ${folder}/site.conf;
}`
}

async function listening(child: ChildProcess, port: number, log: string): Promise<void> {
  const deadline = Date.now() + HANG_MS
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`nginx did not start: ${readFileSync(log, 'utf8')}`)
    await wait(20)
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
