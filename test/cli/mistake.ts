import { program } from '../../src/cli/program.ts'
import { type Explanation, explain } from '../../src/cli/terminal/exit.ts'
import { loadSettings } from '../../src/settings.ts'
import { enginesFor } from '../../src/wiring/engine.ts'
import { openReady, openService } from '../../src/wiring/service.ts'

// Whatever gets past the arguments ends here.
const reached = () => {
  throw new Error('the arguments were accepted')
}

/**
 * What is wrong with a command, in this process: for what ends before it reads or prints anything.
 * @param environment of the data directory that it works on; without, only the arguments are looked at
 */
export async function mistakeIn(args: readonly string[], environment?: NodeJS.ProcessEnv): Promise<Explanation> {
  const settings = environment === undefined ? reached : () => loadSettings(environment)
  const deps = {
    ...{ settings, serve: reached, openCopying: reached, checkBackup: reached },
    engine: () => enginesFor(settings()),
    sessions: reached,
    room: reached,
    becomeOwner: () => undefined,
    open: async () => openReady(settings()),
    openUnready: async () => openService(settings()),
  }
  try {
    await program(deps).parseAsync(args, { from: 'user' })
    return { line: 'nothing', exitCode: 0 }
  } catch (error) {
    return explain(error)
  }
}
