import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type EmitDeps, emitProgram } from '../../src/cli/commands/emit-offlineimaprc.ts'
import type { CliDeps } from '../../src/cli/deps.ts'
import { program } from '../../src/cli/program.ts'
import { bashCompletion } from './completion.ts'
import { CHECKOUT, filesIn, type Made, put, putCompressed } from './files.ts'
import { manualPages, settingsPage } from './manual.ts'

const DOC = '/usr/share/doc/postferry'
const MAN = '/usr/share/man'

/** Manual pages and completion, made from the commands themselves; the pages of docs/; the changelog. */
export async function writeDocumentation(root: string, made: Made): Promise<void> {
  const commands = program({} as CliDeps)
  const emit = emitProgram(async () => ({}) as EmitDeps)
  const pages = { ...manualPages(commands, made), ...manualPages(emit, made), 'postferry.env.5': settingsPage(made) }
  for (const [name, page] of Object.entries(pages)) putCompressed(root, `${MAN}/man${name.slice(-1)}/${name}`, page)
  put(root, '/usr/share/bash-completion/completions/postferry', bashCompletion(commands))
  for (const name of filesIn(join(CHECKOUT, 'docs')).filter((name) => name.endsWith('.md'))) {
    put(root, `${DOC}/${name}`, readFileSync(join(CHECKOUT, 'docs', name)))
  }
  put(root, `${DOC}/CHANGELOG.md`, readFileSync(join(CHECKOUT, 'CHANGELOG.md')))
  symlinkSync('../../../lib/postferry/deploy', join(root, DOC, 'examples'))
}
