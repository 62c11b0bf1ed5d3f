import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { EngineCheck } from '../../copying/ports.ts'

const ANSWER_LIMIT_MS = 15_000
const REMEDY = 'on the copying host: apt-get install offlineimap3, of Debian 12 or 13'
const VERSIONS = /^OfflineIMAP ([\d.]+)$.*^(imaplib2 \S+, Python \S+),/ms

/**
 * Whether an OfflineIMAP that the pythonfile repairs is installed here: it runs for nobody.
 * @param emit the offlineimaprc of such a run, with its metadata in this folder
 */
export async function check(emit: (metadata: string) => AsyncIterable<string>): Promise<EngineCheck> {
  const folder = await mkdtemp(join(tmpdir(), 'postferry-check-'))
  try {
    const file = join(folder, 'offlineimaprc')
    await writeFile(file, emit(join(folder, 'metadata')))
    const { stdout } = await promisify(execFile)('offlineimap', ['-1', '-o', '-c', file], {
      timeout: ANSWER_LIMIT_MS,
      // Nothing else of the environment: it may hold tokens.
      env: { PATH: process.env.PATH, HOME: process.env.HOME },
    })
    const [, version = 'an unknown version', more = ''] = VERSIONS.exec(stdout) ?? []
    return { result: 'ok', found: `${version} (${more})` }
  } catch (error) {
    const { code, stderr = '', message } = error as Error & { code?: unknown; stderr?: string }
    if (code === 'ENOENT') return { result: 'warn', found: 'not here', remedy: REMEDY }
    const refusal = /^postferry: (.*)$/m.exec(stderr)?.[1]
    return { result: 'fail', found: refusal ?? `does not run: ${message.split('\n')[0]}`, remedy: REMEDY }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
