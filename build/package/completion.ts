import type { Command } from 'commander'

/** Completes commands, options, and the values of options that have only a few. For bash-completion. */
export function bashCompletion(program: Command): string {
  const all = withBelow(program)
  const name = program.name()
  return `# bash completion for ${name}

_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} path= word words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
${all
  .filter(({ path }) => path !== '')
  .map(({ path }) => `      '${path}') path='${path}' ;;`)
  .join('\n')}
    esac
  done
  case "$path $before" in
${all.flatMap(({ path, command }) => valuesOf(command).map(([flag, values]) => `    '${path} ${flag}') words='${values}' ;;`)).join('\n')}
    *)
      case $path in
${all.map(({ path, command }) => `        '${path}') words='${wordsOf(command)}' ;;`).join('\n')}
      esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}

complete -o default -F _${name} ${name}
`
}

interface Reached {
  /** The words that lead to it, a blank before each. */
  readonly path: string
  readonly command: Command
}

function withBelow(command: Command, path = ''): Reached[] {
  return [{ path, command }, ...command.commands.flatMap((below) => withBelow(below, `${path} ${below.name()}`))]
}

function wordsOf(command: Command): string {
  const options = command
    .createHelp()
    .visibleOptions(command)
    .map(({ long }) => long)
  return [...command.commands.map((below) => below.name()), ...options].join(' ')
}

function valuesOf(command: Command): [string, string][] {
  return command.options.flatMap(({ long, argChoices }) => (long && argChoices ? [[long, argChoices.join(' ')]] : []))
}
