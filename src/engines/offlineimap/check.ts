import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { EngineCheck } from '../../copying/ports.ts'

const ANSWER_LIMIT_MS = 15_000
const TESTED = '8.0.'

/** Whether the OfflineIMAP that the pythonfile repairs is installed here. */
export async function check(): Promise<EngineCheck> {
  try {
    const { stdout } = await promisify(execFile)('offlineimap', ['--version'], {
      timeout: ANSWER_LIMIT_MS,
      // Nothing else of the environment: it may hold tokens.
      env: { PATH: process.env.PATH, HOME: process.env.HOME },
    })
    const version = stdout.trim().split('\n')[0] ?? ''
    if (version.startsWith(TESTED)) return { result: 'ok', found: version }
    const remedy = `install ${TESTED}x on the copying host (Debian 12: apt-get install offlineimap3)`
    return { result: 'warn', found: `version ${version} is not the one that was tested`, remedy }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      return { result: 'warn', found: `does not run: ${(error as Error).message.split('\n')[0]}` }
    }
    return { result: 'warn', found: 'not here', remedy: 'on the copying host: apt-get install offlineimap3' }
  }
}
