// The embedded PostgreSQL as a service of its own, for several users of this host: systemd's unit starts it.
import { ownService } from './db/embedded/own-service.ts'
import { loadSettings, SettingsError } from './settings.ts'
import { environment } from './settings-file.ts'

const USAGE = `usage: embedded-postgresql SOCKET-FOLDER
Becomes the PostgreSQL of the data directory, which is made when there is none, for this user, the members of this user's
group, and root. Their DATABASE_URL: postgresql:///postferry?host=SOCKET-FOLDER&user=postferry
`
const [EX_USAGE, EX_UNAVAILABLE, EX_CONFIG] = [64, 69, 78]

async function main([socketFolder, ...more]: readonly string[]): Promise<void> {
  if (!socketFolder?.startsWith('/') || more.length > 0) return end(USAGE, EX_USAGE)
  try {
    const { dataDir } = loadSettings(environment())
    const { program, args, environment: own } = await ownService(dataDir, socketFolder)
    process.execve?.(program, args, own)
  } catch (error) {
    const exitCode = error instanceof SettingsError ? EX_CONFIG : EX_UNAVAILABLE
    end(`embedded-postgresql: ${(error as Error).message}\n`, exitCode)
  }
}

function end(text: string, exitCode: number): void {
  process.stderr.write(text)
  process.exitCode = exitCode
}

await main(process.argv.slice(2))
