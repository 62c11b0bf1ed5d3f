import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CliDeps } from '../deps.ts'
import { BEFORE_FLIP } from '../doctor/before-flip.ts'
import { BEFORE_MX, obstacles } from '../doctor/before-mx.ts'
import { writeBundle } from '../doctor/bundle.ts'
import { openDns } from '../doctor/dns.ts'
import { examine } from '../doctor/examine.ts'
import { type Finding, findingRow } from '../doctor/finding.ts'
import { examples } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { print, printList } from '../terminal/output.ts'
import { refuseSpecial } from '../terminal/output-file.ts'
import { line } from '../terminal/text.ts'

const CHECK_WIDTH = 18
/** When these fail, every other command ends with the same exit code. */
const SETTLED_BY_SETTINGS = ['settings', 'key']

export function addDoctorCommand(postferry: Command, deps: CliDeps): void {
  const doctor = postferry
    .command('doctor')
    .description(
      'look for what is wrong, and say what to do; exit code 78 when settings or key are wrong, 69 when something else has to be done',
    )
    .option('--dovecot-config <file>', "Dovecot's configuration, where it is not in its usual place")
    .option('--dns-server <address>', 'whom to ask for the DNS, as 192.0.2.1 (default: whom this host asks)', dnsServer)
    .option('--dkim-selector <name>', "look for this server's DKIM keys by this name in the DNS of each domain")
    .addOption(
      new Option(
        '--before <change>',
        'go or no-go: look at what has to be well before mail comes here (mx), or before proxied people do (flip; on the copying host)',
      ).choices([...['mx', 'flip']]),
    )
    .option(
      '--bundle <file>',
      'also write what a report of a bug needs into this file: no secret and no person is in it',
    )
    .option('--json', 'print the findings as one JSON array')
  examples(
    doctor,
    'postferry doctor',
    'postferry doctor --before mx',
    'postferry doctor --before flip',
    'postferry doctor --bundle postferry.json',
  ).action(async (options) => {
    if (options.bundle !== undefined) refuseSpecial(options.bundle, 'leave out --bundle')
    const findings: Finding[] = []
    for await (const finding of examine(deps, options)) {
      findings.push(finding)
      if (!options.json) await print(lines(finding))
    }
    if (options.bundle !== undefined) await writeBundle(options.bundle, deps, findings)
    if (options.json) await printList(findings, { row: findingRow, columns: [] }, options)
    const failed = findings.filter(({ result }) => result === 'fail').map(({ check }) => check)
    const why = `something has to be done: ${failed.join(', ')}`
    if (failed.some((check) => SETTLED_BY_SETTINGS.includes(check))) throw new Failure(EXIT.config, why)
    if (options.before === 'mx') refuse(findings, BEFORE_MX, 'the MX must not move yet')
    if (options.before === 'flip') refuse(findings, BEFORE_FLIP, 'nobody should be flipped yet')
    if (failed.length > 0) throw new Failure(EXIT.unavailable, why)
  })
}

function dnsServer(text: string): string {
  try {
    openDns(text)
    return text
  } catch {
    throw new InvalidArgumentError(
      'It must be an IP address, and may have a port, as 192.0.2.1:53 or [2001:db8::1]:53.',
    )
  }
}

/** @throws Failure as long as something is in the way */
function refuse(findings: readonly Finding[], required: readonly string[], what: string): void {
  const open = obstacles(findings, required)
  if (open.length > 0) throw new Failure(EXIT.unavailable, `no-go, ${what}: ${open.join(', ')}`)
}

function lines({ check, result, found, why, remedy }: Finding): string {
  const more = Object.entries({ 'because:': why, 'what to do:': remedy }).filter(([, text]) => text !== undefined)
  return [
    `${result.padEnd(4)}  ${line(check).padEnd(CHECK_WIDTH)}  ${line(found)}\n`,
    ...more.map(([title, text]) => `      ${title.padEnd(CHECK_WIDTH)}  ${line(text)}\n`),
  ].join('')
}
