// Makes dist from src. What every command loads at its start comes into few files: to find and read a thousand small ones
// takes Node three times as long as all else that a start does. Other modules stay where npm puts them.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { type BuildOptions, build } from 'esbuild'

const CHECKOUT = join(import.meta.dirname, '..')
const SRC = join(CHECKOUT, 'src')
const DIST = join(CHECKOUT, 'dist')

const PROGRAMS = ['main', 'emit-offlineimaprc', 'embedded-postgresql', 'postfix-sasl']
const AT_EVERY_START = [
  ...['cockatiel', 'commander', 'csv-parse', 'envalid', 'ipaddr.js', 'kysely', 'lru-cache'],
  ...['pg', 'pg-copy-streams', 'pg-cursor', 'rate-limiter-flexible'],
]

const COMMON: BuildOptions = {
  absWorkingDir: CHECKOUT,
  platform: 'node',
  target: 'esnext',
  // NODE_OPTIONS=--enable-source-maps shows the lines of src.
  ...{ sourcemap: true, sourcesContent: false },
  metafile: true,
  logLevel: 'warning',
}

const made = [await compilePrograms(), await compileCheckpassword()].flatMap(({ metafile }) =>
  Object.keys(metafile?.outputs ?? {}).map((file) => relative(DIST, join(CHECKOUT, file))),
)
const kept = new Set([...made, ...copyRest()])
// What is left of older versions goes last: commands may be running.
for (const file of filesIn(DIST).filter((file) => !kept.has(file))) rmSync(join(DIST, file))

async function compilePrograms() {
  return await build({
    ...COMMON,
    entryPoints: PROGRAMS.map((name) => `src/${name}.ts`),
    outdir: 'dist',
    ...{ bundle: true, splitting: true, format: 'esm' },
    external: modules().filter((name) => !AT_EVERY_START.includes(name)),
    // CommonJS among them asks for Node's own modules.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  })
}

/** Alone in its file, and CommonJS, because it is started for every sign-in. */
async function compileCheckpassword() {
  return await build({ ...COMMON, entryPoints: ['src/checkpassword.cts'], outfile: 'dist/checkpassword.cjs' })
}

function modules(): string[] {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'))
  return Object.keys({ ...dependencies, ...optionalDependencies })
}

/** What programs read from their folder, as it is. */
function copyRest(): string[] {
  const rest = filesIn(SRC).filter((file) => !/\.c?ts$/.test(file))
  for (const file of rest) {
    mkdirSync(dirname(join(DIST, file)), { recursive: true })
    copyFileSync(join(SRC, file), join(DIST, file))
  }
  return rest
}

function filesIn(folder: string): string[] {
  mkdirSync(folder, { recursive: true })
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
}
