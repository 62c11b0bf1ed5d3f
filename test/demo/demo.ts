import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { asOrdinaryUser } from './ordinary-user.ts'
import { print, red } from './show.ts'
import { perform } from './stage.ts'
import { story } from './story.ts'

const COMPILED = join(import.meta.dirname, '../../dist/main.js')
const HELP = `npm run demo [-- --keep]

Four people move from three old IMAP servers to a new Dovecot by signing in there, one without noticing it. All servers are real, run on this
machine only, and are stopped and removed in the end.

  --keep   stay running in the end, to look around with a mail client; Ctrl-C ends it

Exit code: 0 when every message arrived byte for byte, 1 otherwise, 130 after Ctrl-C.
`

process.exit(await demo().catch(failed))

async function demo(): Promise<number> {
  const args = process.argv.slice(2)
  const { values } = parseArgs({ args, options: { keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } })
  if (values.help) {
    print(HELP)
    return 0
  }
  if (!existsSync(COMPILED)) throw new Error('dist/ is missing: npm run build makes it')
  if (process.getuid?.() === 0) return await asOrdinaryUser(args)
  return await perform((stage) => story(stage, values.keep ?? false))
}

function failed(error: Error): number {
  print(red(`The demo failed: ${error.message}`))
  return 1
}
