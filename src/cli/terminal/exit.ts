import { type Command, CommanderError } from 'commander'
import { ListenError } from '../../http/listen.ts'
import { Refused, type RefusedCode, sentenceOf } from '../../model/refused.ts'
import { SettingsError } from '../../settings.ts'
import { armOutput, OutputClosed, OutputError } from './output.ts'
import { json, visible } from './text.ts'
import { troubleOf } from './trouble.ts'

/** Exit codes of sysexits(3). */
export const EXIT = {
  usage: 64,
  data: 65,
  unavailable: 69,
  software: 70,
  cannotCreate: 73,
  inputOutput: 74,
  tempfail: 75,
  permission: 77,
  config: 78,
} as const

/** A command ends here, with a line for the person and an exit code. */
export class Failure extends Error {
  readonly exitCode: number

  constructor(exitCode: number, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Runs a whole command line, and sets the exit code of the process; a mistake is one line on standard error. */
export async function runCommandLine(program: Command, args: readonly string[]): Promise<void> {
  armOutput()
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    const { line, exitCode } = explain(error)
    process.stderr.write(args.includes('--json') && line !== '' ? inJson(line, exitCode) : line)
    process.exitCode = exitCode
  }
}

/** Who reads JSON reads it of a mistake, too: still on standard error. */
function inJson(line: string, exitCode: number): string {
  return `${json({ error: line.replace(/^postferry: /, '').trimEnd(), exit_code: exitCode })}\n`
}

export interface Explanation {
  readonly line: string
  readonly exitCode: number
}

/** One line that says what went wrong, and the exit code for it. */
export function explain(error: unknown): Explanation {
  if (error instanceof OutputClosed) return { line: '', exitCode: 0 }
  if (error instanceof CommanderError) return explainUsage(error)
  const { what, exitCode } = known(error) ?? troubleOf(error)
  return {
    line: `postferry: ${visible(oneLine(what))}\n`,
    exitCode: typeof exitCode === 'number' ? exitCode : EXIT[exitCode],
  }
}

/** What commander found wrong with the arguments; its help, asked for or not, is printed already. */
function explainUsage({ exitCode, code, message }: CommanderError): Explanation {
  if (exitCode === 0) return { line: '', exitCode }
  if (code === 'commander.help') return { line: '', exitCode: EXIT.usage }
  const what = oneLine(message.replace(/^error: /, ''))
  return { line: `postferry: ${visible(what)} (--help shows how)\n`, exitCode: EXIT.usage }
}

function known(error: unknown): { what: string; exitCode: number } | null {
  if (error instanceof Failure) return { what: error.message, exitCode: error.exitCode }
  if (error instanceof SettingsError) return { what: error.message, exitCode: EXIT.config }
  if (error instanceof Refused) return { what: sentenceOf(error, optionName), exitCode: EXIT[OF_REFUSED[error.code]] }
  if (error instanceof OutputError) return { what: error.message, exitCode: EXIT.inputOutput }
  if (error instanceof ListenError) return { what: error.message, exitCode: EXIT.unavailable }
  return null
}

const OF_REFUSED: Readonly<Record<RefusedCode, keyof typeof EXIT>> = {
  invalid: 'data',
  'not-found': 'data',
  conflict: 'data',
  forbidden: 'permission',
  rejected: 'permission',
  unavailable: 'tempfail',
}

function optionName(field: string): string {
  return `--${field.replaceAll('_', '-')}`
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ')
}
