// Runs tests: all of them, all of a kind, or some files, which may be of any kind.
// usage: npm test | npm run test:unit | test:servers | test:panel | npm test -- FILE…
import { spawnSync } from 'node:child_process'
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

function runTests(args: readonly string[]): void {
  const [kind = ''] = args
  const files = KINDS.includes(kind) ? testFiles().filter((file) => kindOf(file) === kind) : args
  const needs = new Set((files.length > 0 ? files : testFiles()).map((file) => kindOf(relative(CHECKOUT, file))))
  if (needs.has('servers') || needs.has('panel')) {
    run('sh', 'test/support/install-servers.sh', ...(needs.has('panel') ? ['panel'] : []))
    run('sh', 'test/support/debian-root.sh')
    run('sh', 'test/support/old-servers-root.sh')
  }
  const { scripts } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'))
  if (args.length === 0) run('sh', '-c', scripts.check)
  run('sh', '-c', scripts.build)
  buildTap()
  run('tap', 'run', ...files)
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

if (import.meta.main) runTests(process.argv.slice(2))
