import type { Command } from 'commander'
import { SETTINGS } from '../../src/settings.ts'
import type { Made } from './files.ts'

// Pages in the language of man(7), which groff and mandoc read.

const EXIT_CODES: readonly (readonly [string, string])[] = [
  ['0', 'Done.'],
  ['64', 'The command was used wrongly.'],
  ['65', 'What was given, or what was found, is not right.'],
  ['69', 'Something that is needed is not there.'],
  ['70', 'A fault of postferry.'],
  ['73', 'A file cannot be made.'],
  ['74', 'The output cannot be written.'],
  ['75', 'Not possible now: try again.'],
  ['77', 'Not allowed.'],
  ['78', 'A setting is wrong.'],
]

const FILES: readonly (readonly [string, string])[] = [
  ['/etc/postferry/postferry.env', 'The settings: postferry.env(5).'],
  ['/var/lib/postferry', 'What answers sign-ins keeps: tokens, recipients, the database.'],
  ['/var/lib/postferry-sync', 'What copies mail keeps: the identity, the approved old servers, the sync state.'],
  ['/usr/share/doc/postferry/operate.md', 'How to operate a move.'],
  ['/usr/share/doc/postferry/examples', 'Files for Dovecot, Postfix, cron, nginx and fail2ban.'],
]

/** A page for a program, and one for each of its commands, by the name of the file. */
export function manualPages(program: Command, made: Made): Record<string, string> {
  const names = program.commands.map((command) => `${program.name()}-${command.name()}`)
  const pages = program.commands.map((command, index) => {
    return [`${names[index]}.1`, page(`${names[index]}`, command, [program.name()], made)]
  })
  return { [`${program.name()}.1`]: page(program.name(), program, names, made), ...Object.fromEntries(pages) }
}

/** The page of the settings file. */
export function settingsPage(made: Made): string {
  const settings = SETTINGS.map(({ name, default: unlessSet, doc, mayBeFile }) => {
    const file = mayBeFile ? ` Or ${name}_FILE: a file that holds it.` : ''
    const otherwise = unlessSet === '' ? '' : ` Default: ${unlessSet}`
    return [name, doc.replaceAll(/\s+/g, ' ') + file + otherwise] as const
  })
  return [
    head('postferry.env', 5, 'settings of postferry', made),
    section('SYNOPSIS', '.I /etc/postferry/postferry.env'),
    section(
      'DESCRIPTION',
      text(`One NAME=value a line; # begins a comment. Every command reads this file, or the one that POSTFERRY_SETTINGS_FILE
      in its environment names (empty: none). The environment takes precedence. What is no setting, or may not be read, stops
      every command with one line that names it, and exit code 78.`),
    ),
    section('SETTINGS', ...settings.map(([name, about]) => entry(name, about))),
    section('SEE ALSO', '.BR postferry (1)'),
  ].join('')
}

function page(name: string, command: Command, others: readonly string[], made: Made): string {
  const leaves = leavesOf(command)
  const isProgram = command.parent === null
  const summary = command.description().replace(/\.$/, '')
  const commands = isProgram
    ? command.commands.map((one) => entry(one.name(), `${capitalised(one.description())}.`))
    : leaves.flatMap((leaf) => [
        `.SS ${bold(invocation(leaf))}`,
        text(`${capitalised(leaf.description())}.`),
        ...options(leaf),
      ])
  const examples = leaves.flatMap(examplesOf)
  const own = isProgram && command.commands.length === 0 ? options(command) : []
  return [
    head(name, 1, lowered(summary), made),
    section('SYNOPSIS', ...(isProgram ? [command] : leaves).map((leaf) => `${bold(invocation(leaf))}\n.br`)),
    section('DESCRIPTION', text(`${capitalised(summary)}.`), ...own),
    ...(commands.length === 0 ? [] : [section('COMMANDS', ...commands)]),
    ...(examples.length === 0 || isProgram ? [] : [section('EXAMPLES', '.nf', ...examples.map(literal), '.fi')]),
    section('EXIT STATUS', ...EXIT_CODES.map(([code, about]) => entry(code, about))),
    ...(isProgram ? [section('FILES', ...FILES.map(([file, about]) => entry(file, about)))] : []),
    section('SEE ALSO', [...others, 'postferry.env(5)'].map(reference).join(',\n')),
  ].join('')
}

function head(name: string, number: number, summary: string, { version, date }: Made): string {
  const day = date.toISOString().slice(0, 10)
  const title = `.TH ${name.toUpperCase().replaceAll('-', '\\-')} ${number} ${day} "postferry ${version}" "postferry"\n`
  return `${title}${section('NAME', `${literal(name)} \\- ${escaped(summary)}`)}`
}

function section(title: string, ...parts: string[]): string {
  return `.SH ${title.includes(' ') ? `"${title}"` : title}\n${parts.join('\n')}\n`
}

function entry(term: string, about: string): string {
  return `.TP\n${bold(term)}\n${text(about)}`
}

function options(command: Command): string[] {
  const help = command.createHelp()
  const given = help.visibleArguments(command).filter((argument) => argument.description !== '')
  const visible = help.visibleOptions(command).filter(({ long }) => long !== '--help')
  return [
    ...given.map((argument) => entry(`<${argument.name()}>`, help.argumentDescription(argument))),
    ...visible.map((option) => entry(option.flags, help.optionDescription(option))),
  ]
}

function invocation(command: Command): string {
  const names = command.registeredArguments.map((argument) => {
    const name = argument.variadic ? `${argument.name()}…` : argument.name()
    return argument.required ? `<${name}>` : `[${name}]`
  })
  const more = command.commands.length > 0 ? ['<command>', '[options]'] : ['[options]']
  return [pathOf(command), ...more, ...names].join(' ')
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf)
}

/** What the help says behind "Examples:". */
function examplesOf(command: Command): string[] {
  let help = ''
  command.configureOutput({ writeOut: (piece) => (help += piece) }).outputHelp()
  const [, examples = ''] = help.split('\nExamples:\n')
  return examples
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
}

function reference(name: string): string {
  const [, page = name, number = '1'] = /^(.+)\((\d)\)$/.exec(name) ?? []
  return `.BR ${literal(page)} (${number})`
}

function bold(words: string): string {
  return `\\fB${literal(words)}\\fR`
}

function text(sentence: string): string {
  return escaped(sentence.replaceAll(/\s+/g, ' ').trim())
}

/** What is typed: its hyphens are minus signs. */
function literal(words: string): string {
  return escaped(words).replaceAll('-', '\\-')
}

/** A line that begins with a dot or a quote would be a command. */
function escaped(words: string): string {
  return words.replaceAll('\\', '\\e').replace(/^(?=[.'])/, '\\&')
}

function capitalised(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1)
}

function lowered(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}
