import type { Command } from 'commander'
import { explain } from './exit.ts'
import { armOutput } from './output.ts'

/** Runs a whole command line, and sets the exit code of the process; a mistake is one line on standard error. */
export async function runCommandLine(program: Command, args: readonly string[]): Promise<void> {
  armOutput()
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    const { line, exitCode } = explain(error)
    process.stderr.write(line)
    process.exitCode = exitCode
  }
}
