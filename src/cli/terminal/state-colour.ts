import { styleText } from 'node:util'
import type { State } from '../../model/migration.ts'
import { STATE_LOOKS, type StateLook } from '../../model/state-look.ts'

const COLOURS = {
  ...{ grey: 'gray', amber: 'yellow', green: 'green', blue: 'blue', violet: 'magenta', red: 'red' },
} as const satisfies Record<StateLook['colour'], Parameters<typeof styleText>[0]>

/** A state in its colour, where standard output is a terminal that has some and nobody has set NO_COLOR. */
export function inColour(text: string): string {
  const look = STATE_LOOKS[text as State] as StateLook | undefined
  return look === undefined ? text : styleText(COLOURS[look.colour], text, { stream: process.stdout })
}
