// Runs tests: all of them, all of a kind, or some files, which may be of any kind.
// usage: npm test | npm run test:unit | test:servers | test:panel | npm test -- FILE…
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/**
 * What a test needs, which its imports tell. `panel`: the browser, and all that `servers` needs. `servers`: programs, such
 * as Debian's servers or the service, which another module of test/ starts; whatever is in test/e2e. `unit`: what `npm ci`
 * brings, and no root.
 */
type Kind = 'unit' | 'servers' | 'panel'

const CHECKOUT = join(import.meta.dirname, '..')
const KINDS: readonly string[] = ['unit', 'servers', 'panel'] satisfies Kind[]
const IMPORTED = /(?:from |import\()'(\.[^']+)'/g
const STARTS_PROGRAMS = /from 'node:child_process'/
const DEBIAN = 'test/support/debian.ts'
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export function testFiles(): string[] {
  return globSync('test/**/*.test.ts', { cwd: CHECKOUT }).sort()
}

export function kindOf(file: string): Kind {
  const reached = [...reachedFrom(file)]
  if (reached.some(([, text]) => text.includes("from 'playwright-core'"))) return 'panel'
  const others = reached.filter(([path]) => path !== file && path.startsWith('test/'))
  const reachesServers = others.some(([path, text]) => path === DEBIAN || STARTS_PROGRAMS.test(text))
  return reachesServers || file.startsWith('test/e2e/') ? 'servers' : 'unit'
}

/** The texts of a file of the checkout and of all that it imports, directly or not. */
export function reachedFrom(file: string, reached = new Map<string, string>()): Map<string, string> {
  if (reached.has(file)) return reached
  const text = readFileSync(join(CHECKOUT, file), 'utf8')
  reached.set(file, text)
  for (const [, path = ''] of text.matchAll(IMPORTED)) reachedFrom(join(dirname(file), path), reached)
  return reached
}

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { cwd: CHECKOUT, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

async function runTests(args: readonly string[]): Promise<void> {
  const [kind = ''] = args
  const files = KINDS.includes(kind) ? testFiles().filter((file) => kindOf(file) === kind) : args
  const needs = new Set((files.length > 0 ? files : testFiles()).map((file) => kindOf(relative(CHECKOUT, file))))
  const needsServers = needs.has('servers') || needs.has('panel')
  if (needsServers) run('sh', 'test/support/install-servers.sh', ...(needs.has('panel') ? ['panel'] : []))
  const { scripts } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'))
  await together(
    ...(needsServers ? ['debian-root', 'old-servers-root'].map((name) => `exec sh test/support/${name}.sh`) : []),
    [...(args.length === 0 ? [scripts.check] : []), scripts.build].join(' && '),
  )
  buildTap()
  run('tap', 'run', ...files)
}

/** Runs shell lines at once. The first that fails is named, and ends the others and this process; so does a signal. */
async function together(...lines: string[]): Promise<void> {
  const running = new Set<ChildProcess>()
  const endAll = (status: number) => {
    process.exitCode ??= status
    // A group each: what a script has started ends with it.
    for (const { pid } of running) process.kill(-(pid as number), 'SIGTERM')
  }
  const interrupted = (_: NodeJS.Signals, number: number) => endAll(128 + number)
  for (const signal of SIGNALS) process.on(signal, interrupted)
  await Promise.all(
    lines.map(async (line) => {
      const child = spawn('sh', ['-c', line], {
        cwd: CHECKOUT,
        stdio: ['ignore', 'inherit', 'inherit'],
        detached: true,
      })
      running.add(child)
      const [status] = await once(child, 'exit')
      running.delete(child)
      if (status === 0 || process.exitCode !== undefined) return
      console.error(`This failed: ${line}`)
      endAll(status ?? 1)
    }),
  )
  if (process.exitCode !== undefined) process.exit()
  for (const signal of SIGNALS) process.off(signal, interrupted)
}

/** Makes tap with the plugins that .taprc names, unless it is made so already; `npm ci` takes it away with the rest. */
function buildTap(): void {
  const made = join(CHECKOUT, 'node_modules/.cache/tap-built')
  const plugins = readFileSync(join(CHECKOUT, '.taprc'), 'utf8')
  if (existsSync(made) && readFileSync(made, 'utf8') === plugins) return
  run('tap', 'build')
  mkdirSync(dirname(made), { recursive: true })
  writeFileSync(made, plugins)
}

if (import.meta.main) await runTests(process.argv.slice(2))
