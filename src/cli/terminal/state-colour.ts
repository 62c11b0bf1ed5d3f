import { styleText } from 'node:util'
import { STATES, type State } from '../../model/migration.ts'
import { STATE_LOOKS, type StateLook } from '../../model/state-look.ts'

const COLOURS = {
  ...{ grey: 'gray', amber: 'yellow', green: 'green', blue: 'blue', violet: 'magenta', red: 'red' },
} as const satisfies Record<StateLook['colour'], Parameters<typeof styleText>[0]>

/** A state in its colour, where standard output is a terminal that has some and nobody has set NO_COLOR. */
export function inColour(text: string): string {
  const look = STATE_LOOKS[(text.trim().split(' ').at(-1) ?? '') as State] as StateLook | undefined
  return look === undefined ? text : styleText(COLOURS[look.colour], text, { stream: process.stdout })
}

/** A state with its sign. */
export function withSign(state: State): string {
  return `${STATE_LOOKS[state].sign} ${state}`
}

const COUNTED = new RegExp(`[\\d,]+ . (?:${STATES.join('|')})\\b`, 'gu')

/** The states of a text, each with its number before its sign, in their colours. */
export function statesInColour(text: string): string {
  return text.replace(COUNTED, inColour)
}
