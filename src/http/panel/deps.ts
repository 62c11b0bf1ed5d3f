import type { Logger } from 'pino'
import type { Deps } from '../../operations/deps.ts'
import type { Events } from './events.ts'

/** What the pages show and do, and each group of them is handed. */
export interface PanelDeps
  extends Pick<Deps, 'perform' | 'settings' | 'administrators' | 'totpSealer' | 'hasher' | 'signInAdministrator'> {
  readonly events: Events
  readonly log: Logger
}
