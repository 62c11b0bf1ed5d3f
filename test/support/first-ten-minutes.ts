import { join } from 'node:path'
import type { Test } from 'tap'
import type { Booted } from './booted.ts'
import { linesOf } from './lines-of.ts'
import { until } from './until.ts'

const PAGE = 'docs/operate.md'
const PASSWORD = 'secret of anna'
const TEN_MINUTES_MS = 600_000
/** A message from the network where the old server is: as anybody brings it. */
const STRANGER = `
import smtplib, sys
with smtplib.SMTP('192.0.2.1') as smtp:
    smtp.sendmail('ben@elsewhere.example', [sys.argv[1]], 'Subject: ' + sys.argv[2] + '\\r\\n\\r\\nhello\\r\\n')
`

/**
 * What a stranger does, by the lines of the docs and nothing else: from the package, which lies in /root, to the first person
 * who is across, and to her mail.
 */
export async function firstTenMinutes(t: Test, host: Booted): Promise<void> {
  await host.must(`sh ${host.bring(join(import.meta.dirname, 'old-server.sh'))}`)
  const watch = new Watch(t)
  const [install = '', others = '', setup = '', ...more] = linesOf(PAGE, 'apt install')
  t.same(more, [])
  await watch.time(install, () => host.must(`cd /root && ${install}`))
  await watch.time(others, () => host.must(others))
  // They are on this Debian already, at rest: apt starts what comes new.
  await host.must('systemctl enable --now dovecot postfix')
  const said = await watch.time(setup, () => answering(host, setup, { '[vmail]': '', '[no]': 'yes' }))
  t.match(said, /^\+virtual_mailbox_domains = socketmap:/m, 'it shows what it changes')
  const printed = said.split(/files are written; next:\r?\n/)[1] ?? ''
  const told = printed.trim().split(/\s*\n\s*/)
  t.same(told, linesOf(PAGE, 'systemd-tmpfiles'), 'it tells what the page tells')
  for (const line of told) await watch.time(line, () => host.must(line))

  for (const line of linesOf(PAGE, 'postferry provider add')) {
    if (line.startsWith('doveadm auth test')) {
      // Before she comes, it arrives at the old server.
      await watch.time('a message before', () => arrives(host, 'before', 'old'))
      await watch.time(line, () => answering(host, line, { assword: PASSWORD }))
      await watch.time('a message after', () => arrives(host, 'after', 'new'))
    } else if (line === 'postferry doctor') await doctor(t, host, line, watch)
    else if (line.startsWith('postferry provider add')) {
      const added = await watch.time(line, () => host.must(line))
      t.match(added, /^provider old is added, proxied because \S+ can flip people;/, 'nobody is to notice')
    } else await watch.time(line, () => host.must(line))
  }
  await watch.time('she is across', async () => {
    await until(async () => / destination /.test(await host.must('postferry migration list')), 'she is across')
  })
  const here = await host.must('doveadm fetch -u anna@old.example hdr.subject mailbox INBOX')
  for (const subject of ['hello', 'before', 'after']) {
    t.equal(here.split(`hdr.subject: ${subject}`).length - 1, 1, `"${subject}" is here, once`)
  }
  t.ok(watch.end() < TEN_MINUTES_MS)
  t.match(await sends(host, PASSWORD), /^235 /)
  t.match(await sends(host, 'wrong'), /^535 /)
  t.equal(await host.must('postferry setup --yes'), 'nothing to do\n')
}

/** What it may name is what is not made yet: an owner for the panel, and this host's certificate and DNS. */
async function doctor(t: Test, host: Booted, line: string, watch: Watch): Promise<void> {
  const { stdout } = await watch.time(line, () => host.run(`${line} --json`))
  const findings = JSON.parse(stdout) as { id: string; level: string; what: string; mend: string }[]
  const bad = findings.filter(({ id, level }) => level !== 'ok' && !/^(dns-.*|panel|certificate)$/.test(id))
  t.same(
    bad.map(({ id, what }) => `${id}: ${what}`),
    [],
  )
}

/** Runs a line that asks on the terminal. */
async function answering(host: Booted, line: string, answers: Record<string, string>): Promise<string> {
  const program = host.bring(join(import.meta.dirname, 'typing.py'))
  return await host.must(`python3 ${program} ${[line, ...Object.entries(answers).flat()].map(quoted).join(' ')}`)
}

async function arrives(host: Booted, subject: string, where: 'old' | 'new'): Promise<void> {
  const folder = { old: '/srv/old/mail/anna@old.example', new: '/var/vmail/old.example/anna/Maildir' }[where]
  const sent = `ip netns exec old python3 -c ${quoted(STRANGER)} anna@old.example ${subject}`
  await until(async () => (await host.run(sent)).exitCode === 0, 'the new server takes it')
  await until(
    async () => (await host.run(`grep -qrx 'Subject: ${subject}' ${folder}/new ${folder}/cur`)).exitCode === 0,
    `"${subject}" is at the ${where} server`,
  )
}

/** What a mail program hears that signs in at Postfix to send, on the port for that. */
async function sends(host: Booted, password: string): Promise<string> {
  const script = `
import smtplib, ssl
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
with smtplib.SMTP('127.0.0.1', 587) as smtp:
    smtp.starttls(context=context)
    try:
        print(*smtp.login('anna@old.example', '${password}'))
    except smtplib.SMTPAuthenticationError as error:
        print(error.smtp_code, error.smtp_error)`
  return await host.must(`python3 -c ${quoted(script)}`)
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** The timeline: what each line took, in the test's output. */
class Watch {
  readonly #t: Test
  readonly #from = performance.now()

  constructor(t: Test) {
    this.#t = t
  }

  async time<T>(line: string, run: () => Promise<T>): Promise<T> {
    const from = performance.now()
    const result = await run()
    const [at, took] = [from - this.#from, performance.now() - from].map((ms) => (ms / 1_000).toFixed(1))
    this.#t.comment(`${at} s: ${line} (${took} s)`)
    return result
  }

  end(): number {
    return performance.now() - this.#from
  }
}
