// Makes dist from src: in a checkout, also where only what an installation needs is there. What every command loads at its
// start comes into few files: to find and read a thousand small ones takes Node as long as all else that a start does, and
// longer. Other modules stay where npm puts them.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type BuildOptions, build } from 'esbuild'

interface Made {
  readonly path: string
  readonly contents: Uint8Array
}

const CHECKOUT = join(import.meta.dirname, '..')
const SRC = join(CHECKOUT, 'src')
const DIST = join(CHECKOUT, 'dist')

const PROGRAMS = ['main', 'emit-offlineimaprc', 'embedded-postgresql', 'postfix-sasl']
const AT_EVERY_START = [
  ...['cockatiel', 'commander', 'csv-parse', 'envalid', 'ipaddr.js', 'kysely', 'lru-cache'],
  ...['pg', 'pg-copy-streams', 'pg-cursor', 'rate-limiter-flexible'],
]
const CODE = /\.c?ts$/

const COMMON = {
  absWorkingDir: CHECKOUT,
  platform: 'node',
  target: 'esnext',
  // NODE_OPTIONS=--enable-source-maps shows the lines of src, also to who reports a fault of an installation.
  ...{ sourcemap: true, sourcesContent: false },
  write: false,
  logLevel: 'warning',
} satisfies BuildOptions

const made = [...rest(), ...(await programs()), ...(await checkpassword())]
replace(made)

async function programs(): Promise<Made[]> {
  const { outputFiles } = await build({
    ...COMMON,
    entryPoints: PROGRAMS.map((name) => `src/${name}.ts`),
    outdir: DIST,
    ...{ bundle: true, splitting: true, format: 'esm' },
    external: modules().filter((name) => !AT_EVERY_START.includes(name)),
    // CommonJS among them asks for Node's own modules.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  })
  return outputFiles
}

/** Alone in its file, and CommonJS, because it is started for every sign-in. */
async function checkpassword(): Promise<Made[]> {
  const outfile = join(DIST, 'checkpassword.cjs')
  return (await build({ ...COMMON, entryPoints: ['src/checkpassword.cts'], outfile })).outputFiles
}

/** What an installation has beside this package. */
function modules(): string[] {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'))
  return Object.keys({ ...dependencies, ...optionalDependencies })
}

/** What programs read from their folder, as it is. */
function rest(): Made[] {
  const files = filesIn(SRC).filter((file) => !CODE.test(file))
  return files.map((file) => ({ path: join(DIST, file), contents: readFileSync(join(SRC, file)) }))
}

/**
 * Programs may be running, and starting: they find every file whole. Those that name others come last, and what is left of
 * older versions goes after them.
 */
function replace(files: readonly Made[]): void {
  const isProgram = ({ path }: Made) => PROGRAMS.includes(basename(path, '.js'))
  for (const { path, contents } of files.toSorted((a, b) => Number(isProgram(a)) - Number(isProgram(b)))) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(`${path}.new`, contents)
    renameSync(`${path}.new`, path)
  }
  const kept = new Set(files.map(({ path }) => path))
  for (const file of filesIn(DIST)) if (!kept.has(join(DIST, file))) rmSync(join(DIST, file))
}

function filesIn(folder: string): string[] {
  mkdirSync(folder, { recursive: true })
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
}
