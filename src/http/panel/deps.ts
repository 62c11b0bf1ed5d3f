import type { Logger } from 'pino'
import type { Board } from '../../operations/board.ts'
import type { Deps } from '../../operations/deps.ts'

/** What the pages show and do, and each group of them is handed. */
export interface PanelDeps
  extends Pick<Deps, 'perform' | 'settings' | 'administrators' | 'totpSealer' | 'hasher' | 'signInAdministrator'> {
  readonly log: Logger
  /** How the move goes: one look at the database serves all who ask at about the same time. */
  board(): Promise<Board>
}
