import {
  chmodSync,
  copyFileSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

export const CHECKOUT = join(import.meta.dirname, '../..')

/** Where the program lies, as seen by who has installed it. */
export const HOME = '/usr/lib/postferry'
/** Where a checkout lies in the files of deploy/. */
const CHECKOUT_HOME = '/opt/postferry'

/** What is made, and when. */
export interface Made {
  readonly version: string
  /** Debian's name of the processor. */
  readonly architecture: string
  readonly date: Date
}

/** A module as package-lock.json has it. */
interface Locked {
  readonly version: string
  readonly license?: string
  readonly dev?: boolean
  readonly optional?: boolean
}

/** What makes dist, which is made when the package is. */
const COMPILER = /^node_modules\/(@esbuild\/|esbuild$)/

/**
 * The modules of the package with their paths: what an installation without tools of development has. Also those that
 * are inside of dist's files: their licences lie there.
 */
export function lockedModules(): [string, Locked][] {
  const { packages } = JSON.parse(readFileSync(join(CHECKOUT, 'package-lock.json'), 'utf8'))
  return Object.entries<Locked>(packages).filter(([path, { dev }]) => path !== '' && !dev && !COMPILER.test(path))
}

/** Puts a text into the package; `name` is its whole name there. */
export function put(root: string, name: string, text: string | Buffer, mode = 0o644): void {
  const file = join(root, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  chmodSync(file, mode)
}

/** Compressed as Debian wants documentation: as small as possible, and without a date. */
export function putCompressed(root: string, name: string, text: string): void {
  put(root, `${name}.gz`, gzipSync(text, { level: 9 }))
}

export function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
}

/** A file of deploy/, with the program where the package has it. */
export function deployed(name: string): string {
  return readFileSync(join(CHECKOUT, 'deploy', name), 'utf8').replaceAll(CHECKOUT_HOME, HOME)
}

/** All files below a folder, by their names in it; what links lead to is elsewhere. */
export function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true })
  const names = entries.flatMap((entry) => {
    if (!entry.isDirectory()) return [entry.name]
    return filesIn(join(folder, entry.name)).map((name) => join(entry.name, name))
  })
  return names.sort()
}

/** Gives everything the mode that its kind has, unless it is a secret's, and one date. */
export function settle(root: string, date: Date): void {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
  for (const path of [...names.map((name) => join(root, name)), root]) {
    const stats = lstatSync(path)
    if (stats.isDirectory()) chmodSync(path, 0o755)
    else if (stats.isFile() && (stats.mode & 0o777) !== 0o640) chmodSync(path, stats.mode & 0o100 ? 0o755 : 0o644)
    lutimesSync(path, date, date)
  }
}
