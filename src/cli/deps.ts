import type { Sessions } from '../copying/flip-ports.ts'
import type { Room } from '../copying/free-space.ts'
import type { Engines } from '../copying/ports.ts'
import type { CopyingOptions, WorkerDeps } from '../copying/worker-deps.ts'
import type { BackedUp, Pieces } from '../operations/backups.ts'
import type { Deps } from '../operations/deps.ts'
import type { Settings } from '../settings.ts'

/** How a command gets what operations need, when it needs it. */
export type OpenDeps = () => Promise<Deps & AsyncDisposable>

/** What the command line is handed by whoever wires it. */
export interface CliDeps {
  /** Throws a SettingsError when a setting is wrong. */
  settings(): Settings
  /** What copies mail. Throws a SettingsError when a setting is wrong. */
  engine(): Engines
  /** Ends sessions that Dovecot hands on. Throws a SettingsError when a setting is wrong. */
  sessions(): Sessions
  /** Room for copied mail on this host. */
  room(): Room
  /** Root becomes who owns the sync state: for commands that write there. */
  becomeOwner(): void
  /** The database ready. */
  open: OpenDeps
  /** The database as it is: away, or with upgrades pending. */
  openUnready: OpenDeps
  /** Reads a backup to its end, without a database. @throws Refused when it is not whole and unaltered */
  checkBackup(pieces: Pieces): Promise<BackedUp>
  serve(): Promise<void>
  /** What copies mail, with the database ready. */
  openCopying(options: CopyingOptions): Promise<WorkerDeps>
}
