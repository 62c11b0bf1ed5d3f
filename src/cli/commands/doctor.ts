import type { Command } from 'commander'
import type { CliDeps } from '../deps.ts'
import { examples } from '../terminal/arguments.ts'
import { EXIT, Failure } from '../terminal/exit.ts'
import { print, printList } from '../terminal/output.ts'
import { line } from '../terminal/text.ts'
import { examine, type Finding } from './doctor-checks.ts'

const CHECK_WIDTH = 18
/** When these fail, every other command ends with the same exit code. */
const SETTLED_BY_SETTINGS = ['settings', 'key']

export function addDoctorCommand(postferry: Command, deps: CliDeps): void {
  const doctor = postferry
    .command('doctor')
    .description(
      'look for what is wrong, and say what to do; exit code 78 when settings or key are wrong, 69 when something else has to be done',
    )
    .option('--json', 'print the findings as one JSON array')
  examples(doctor, 'postferry doctor').action(async (options) => {
    const findings: Finding[] = []
    for await (const finding of examine(deps)) {
      findings.push(finding)
      if (!options.json) await print(lines(finding))
    }
    if (options.json) await printList(findings, { row: (finding) => ({ ...finding }), columns: [] }, options)
    const failed = findings.filter(({ result }) => result === 'fail').map(({ check }) => check)
    if (failed.length === 0) return
    const exitCode = failed.some((check) => SETTLED_BY_SETTINGS.includes(check)) ? EXIT.config : EXIT.unavailable
    throw new Failure(exitCode, `something has to be done: ${failed.join(', ')}`)
  })
}

function lines({ check, result, found, remedy }: Finding): string {
  const first = `${result.padEnd(4)}  ${line(check).padEnd(CHECK_WIDTH)}  ${line(found)}\n`
  return remedy === undefined ? first : `${first}      ${'what to do:'.padEnd(CHECK_WIDTH)}  ${line(remedy)}\n`
}
