import { type Command, InvalidArgumentError } from 'commander'
import { isRefused } from '../../model/refused.ts'
import { wholeNumber } from '../../model/texts.ts'
import * as fields from '../../operations/fields.ts'

// Parsers for commander: what they refuse ends as a usage error that names the option or argument.

export const address = typed(fields.address)
export const username = typed(fields.username)
export const reason = typed(fields.reason)
export const upTo = (most: number) => typed((text) => wholeNumber(text, most))

/** Examples at the end of a command's help. */
export function examples(command: Command, ...lines: string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}\n`).join('')}`.trimEnd())
}

function typed<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text)
    } catch (error) {
      throw isRefused(error, 'invalid') ? new InvalidArgumentError(error.message) : error
    }
  }
}
