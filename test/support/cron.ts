import { chownSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Ended, type RunningService, runProgram } from './service.ts'

const CHECKOUT = join(import.meta.dirname, '../..')

/** The command of the cron line in docs/operate.md, as an administrator copies it. */
export function cronCommand(): string {
  const page = readFileSync(join(CHECKOUT, 'docs/operate.md'), 'utf8')
  const [, command] = /^\*\/10 \* \* \* \* vmail (.*)$/m.exec(page) ?? []
  if (command === undefined) throw new Error('docs/operate.md has no cron line')
  return command
}

/** Runs that cron line once as cron does, on this service's data directory. */
export async function runCronLine(service: RunningService): Promise<Ended> {
  const command = cronCommand()
    .replaceAll('/var/lib/postferry-sync', service.dataDir)
    .replaceAll('/opt/postferry/', `${CHECKOUT}/`)
  return await runLine(command, service)
}

/** Has plain OfflineIMAP copy what `emit-offlineimaprc` writes, as docs/operate.md says. */
export async function runPlainOfflineimap(service: RunningService): Promise<Ended> {
  const emit = `${CHECKOUT}/bin/emit-offlineimaprc --output offlineimaprc`
  return await runLine(`cd ${service.dataDir} && ${emit} && offlineimap -1 -o -c offlineimaprc`, service)
}

async function runLine(command: string, service: RunningService): Promise<Ended> {
  const { DATABASE_URL, POSTFERRY_DATA_DIR } = service.environment
  return await runProgram('sh', ['-c', command], { PATH: '/usr/bin:/bin', DATABASE_URL, POSTFERRY_DATA_DIR })
}

/** Gives copied mail to the user who serves it: what cron does by running as that user. */
export function handOver(folder: string, owner: { uid: number; gid: number }): void {
  if (process.getuid?.() !== 0 || !existsSync(folder)) return
  chownSync(folder, owner.uid, owner.gid)
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    chownSync(join(folder, path), owner.uid, owner.gid)
  }
}
