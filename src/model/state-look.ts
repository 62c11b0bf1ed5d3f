import type { State } from './migration.ts'

// One state looks the same wherever a person sees it: the same word, sign and colour.

export interface StateLook {
  readonly sign: string
  readonly colour: 'grey' | 'amber' | 'green' | 'blue' | 'violet' | 'red'
}

export const STATE_LOOKS: Readonly<Record<State, StateLook>> = {
  awaited: { sign: '○', colour: 'grey' },
  pending: { sign: '◐', colour: 'amber' },
  synced: { sign: '●', colour: 'green' },
  done: { sign: '✓', colour: 'blue' },
  paused: { sign: '‖', colour: 'violet' },
  failed: { sign: '✗', colour: 'red' },
}
