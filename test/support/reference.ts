// Writes docs/reference.md from commands, settings and HTTP routes, or with --verify tells whether it is what they say.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { CliDeps } from '../../src/cli/deps.ts'
import { program } from '../../src/cli/program.ts'
import { admin } from '../../src/http/api/admin.ts'
import type { Deps } from '../../src/operations/deps.ts'
import { SETTINGS } from '../../src/settings.ts'
import { scriptedListener } from '../http/scripted-listener.ts'

const FILE = join(import.meta.dirname, '../../docs/reference.md')

interface Described {
  readonly summary?: string
  readonly description?: string
}

/** The page as commands, settings and routes have it now. */
export async function reference(): Promise<string> {
  return [
    '# Reference',
    'Made by `npm run docs` from what the program itself says.',
    '## Commands',
    `Lists take \`--json\`. Changes take \`--reason\`, which is kept in the audit. Exit codes are those of sysexits: 64 usage,
65 data, 69 unavailable, 70 a bug, 73 cannot create, 74 output, 75 try again, 77 permission, 78 settings.`,
    ...leaves(program({} as CliDeps)).map(commandText),
    PROGRAMS,
    '## Settings',
    `In the environment, or in \`/etc/postferry/postferry.env\` (\`deploy/postferry.env\` is the sample). A wrong or unknown
setting ends every command with one line that names it, and exit code 78.`,
    table(['setting', 'default', 'what it is'], SETTINGS.map(settingCells)),
    '## HTTP',
    HTTP,
    table(['route', 'what it does'], await routes()),
    ANSWERS,
  ]
    .join('\n\n')
    .concat('\n')
}

const PROGRAMS = `### Other programs

| program | what it does |
| --- | --- |
| \`bin/emit-offlineimaprc [--output FILE] [--provider NAME] [--shard K/N]\` | writes the OfflineIMAP configuration of all active migrations that OfflineIMAP copies |
| \`bin/postfix-sasl SOCKET DOVECOT\` | stands between Postfix and Dovecot: 454 where Dovecot could not ask |
| \`bin/checkpassword PROG [ARGS…]\` | DJB's checkpassword for Dovecot 2.3: 0 by running PROG, 1 refused, 2 misuse, 111 try again |`

const HTTP = `On the Unix socket, whose file mode guards it, and on TCP. On TCP the auth routes need \`Authorization: Bearer\` with the
auth token; \`/v1/admin\` needs the admin token everywhere. \`/openapi.json\` describes every field.`

const ANSWERS = `### Verdicts

| status | body of \`POST /v1/passdb\` | meaning |
| --- | --- | --- |
| 200 | \`{"success":true,"verdict":"ok","user":…,"fields":{…}}\` | let in, as \`user\`; \`fields\` are Dovecot's extra fields |
| 401 | \`{"success":false,"verdict":"mismatch"}\` | wrong password, unknown user or unknown domain |
| 403 | \`…"verdict":"disabled"\` or \`"expired"\` | right, but not allowed |
| 503 | \`…"verdict":"tempfail","code":…\` with \`Retry-After\` | could not ask: try again |

An answer without a verdict is a tempfail. Codes: \`old-unreachable\`, \`old-timeout\`, \`old-tls\`, \`old-busy\`,
\`old-protocol\`, \`breaker-open\`, \`throttled\`, \`collision\`, \`held\`, \`database\`, \`internal\`.

### Refusals of the admin API

400 says what each wrong field must be, 403 is a wrong token, 404 not there, 409 not possible as things are, 503 try later.
Long lists come in pages of \`?limit=\` rows (1,000 at most); \`?after=\` with the \`after\` of a page asks for the next one,
\`?before=\` for the one before.`

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}

function commandText(command: Command): string {
  const help = command.createHelp()
  const given = help.visibleArguments(command)
  const options = help.visibleOptions(command).filter(({ long }) => long !== '--help')
  const rows = [
    ...given.map((argument) => [`\`${argument.name()}\``, help.argumentDescription(argument)]),
    ...options.map((option) => [`\`${option.flags}\``, help.optionDescription(option)]),
  ]
  const names = given.map((argument) => (argument.required ? `<${argument.name()}>` : `[${argument.name()}]`))
  return [
    `### ${[pathOf(command), ...names].join(' ')}`,
    `${capitalised(command.description())}.`,
    ...(rows.length === 0 ? [] : [table(['', ''], rows)]),
  ].join('\n\n')
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

function settingCells({ name, default: unlessSet, doc, mayBeFile }: (typeof SETTINGS)[number]): string[] {
  const about = doc.replaceAll(/\s+/g, ' ')
  return [
    `\`${name}\``,
    unlessSet === '' ? '–' : `\`${unlessSet}\``,
    mayBeFile ? `${about} May be given as \`${name}_FILE\`.` : about,
  ]
}

async function routes(): Promise<string[][]> {
  const { app } = scriptedListener({ authToken: 'the auth token' })
  app.register(admin, { deps: {} as Deps, adminToken: 'the admin token' })
  const { paths } = (await app.inject({ url: '/openapi.json' })).json<{
    paths: Record<string, Record<string, Described>>
  }>()
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary = '' }]) => [`\`${method.toUpperCase()} ${path}\``, summary]),
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function capitalised(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1)
}

if (process.argv[1] === import.meta.filename) {
  const page = await reference()
  if (process.argv.includes('--verify')) {
    if (readFileSync(FILE, 'utf8') !== page) throw new Error('docs/reference.md is out of date: npm run docs renews it')
  } else writeFileSync(FILE, page)
}
