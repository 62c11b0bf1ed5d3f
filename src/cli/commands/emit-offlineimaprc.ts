import { Command, InvalidArgumentError } from 'commander'
import { replaceFileFrom } from '../../files/atomic.ts'
import type { Provider } from '../../model/provider.ts'
import type { CopyWork, Migrations, Providers, Share } from '../../operations/ports.ts'
import { EXIT, Failure, runCommandLine } from '../terminal/exit.ts'
import { printAll } from '../terminal/output.ts'
import { refuseSpecial } from '../terminal/output-file.ts'

/** What `emit-offlineimaprc` needs. */
export interface EmitDeps extends AsyncDisposable {
  readonly providers: Pick<Providers, 'find' | 'list'>
  readonly migrations: Pick<Migrations, 'readOrders'>
  /** The configuration for this work as chunks of text. */
  emit(work: CopyWork): AsyncIterable<string>
}

interface Options {
  output?: string
  provider?: Provider['name']
  shard?: Share['shard']
}

const BUFFER_BYTES = 64 * 1024

const HELP = `
postferry does not learn what comes of such a run: report and panel know what "postferry sync" has proved, which also brings
keywords and subscriptions. Only doveadm copies who is proxied, or from a provider with --engine doveadm or --roles map.

Example: emit-offlineimaprc --output /var/lib/postferry/offlineimaprc --shard 1/2`

/** Runs `emit-offlineimaprc`, and sets the exit code of the process. */
export async function runEmit(args: readonly string[], open: () => Promise<EmitDeps>): Promise<void> {
  await runCommandLine(emitProgram(open), args)
}

/** Its command line. */
export function emitProgram(open: () => Promise<EmitDeps>): Command {
  return (
    new Command('emit-offlineimaprc')
      .description(
        'Writes the OfflineIMAP configuration of all active migrations, but those that only doveadm can copy. It holds no secret.',
      )
      .option('--output <FILE>', 'replace FILE whole, mode 0600 (default: standard output)')
      .option('--provider <NAME>', 'only the migrations from this provider')
      .option('--shard <K/N>', 'only the K-th of N equal parts, counted from 1', parseShard)
      .addHelpText('after', HELP)
      .exitOverride()
      // The one line about a mistake is written by whoever catches it.
      .configureOutput({ outputError: () => undefined })
      .action(async (options: Options) => {
        if (options.output !== undefined) refuseSpecial(options.output, 'leave out --output for standard output')
        await using deps = await open()
        await emit(options, deps)
      })
  )
}

async function emit({ output, provider, shard }: Options, deps: EmitDeps): Promise<void> {
  if (provider !== undefined) await refuseOthers(provider, deps)
  const share = {
    isPlain: true,
    ...(provider !== undefined && { provider }),
    ...(shard !== undefined && { shard }),
  }
  await deps.migrations.readOrders(share, async (work) => {
    const text = gathered(deps.emit(work))
    if (output === undefined) await printAll(text)
    else await replaceFileFrom(output, text).catch((error) => refuseOutput(output, error))
  })
}

async function refuseOthers(name: string, { providers }: EmitDeps): Promise<void> {
  const provider = await providers.find(name)
  if (provider === null) {
    throw new Failure(EXIT.data, `there is no provider ${name}: see "postferry provider list"`)
  }
  const flaw = flawOf(provider)
  if (flaw !== null) throw new Failure(EXIT.data, flaw)
}

/** Why a plain OfflineIMAP copies nobody's mail from there; null: it may. */
function flawOf({ name, engine, roles }: Provider): string | null {
  if (engine === 'doveadm')
    return `doveadm copies the mail of ${name}: postferry provider set ${name} --engine auto, or run "postferry sync"`
  return roles === 'map' ? `only "postferry sync" maps folders by their roles, as ${name} has it: run that` : null
}

/** The same text in larger chunks. */
async function* gathered(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let text = ''
  for await (const chunk of chunks) {
    text += chunk
    if (text.length < BUFFER_BYTES) continue
    yield text
    text = ''
  }
  yield text
}

function refuseOutput(output: string, error: NodeJS.ErrnoException): never {
  // What is no error of the file system has its own explanation.
  if (error.syscall === undefined) throw error
  throw new Failure(EXIT.cannotCreate, `cannot write ${output} (${error.code}): its folder must exist and be writable`)
}

function parseShard(text: string): NonNullable<Share['shard']> {
  const [, number, of] = /^(\d{1,6})\/(\d{1,6})$/.exec(text)?.map(Number) ?? []
  if (number === undefined || of === undefined || number < 1 || number > of) {
    throw new InvalidArgumentError('It is K/N, with K from 1 to N.')
  }
  return { number, of }
}
