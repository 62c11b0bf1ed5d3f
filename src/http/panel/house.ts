import type { Logger } from 'pino'
import type { House } from '../../operations/house.ts'
import type { Events } from './events.ts'

/** What the pages show and do. */
export type PanelHouse = Pick<
  House,
  'perform' | 'settings' | 'administrators' | 'totpSealer' | 'hasher' | 'signInAdministrator'
>

/** What each group of pages is handed. */
export interface PanelDeps {
  readonly house: PanelHouse
  readonly events: Events
  readonly log: Logger
}
