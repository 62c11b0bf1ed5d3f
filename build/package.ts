// Makes the Debian package of this checkout in release/, for the processor of this machine. The same commit makes the same
// package, byte for byte.
// usage: npm run package -- [--version V] [--into FOLDER]
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeControl } from './package/control.ts'
import { writeDocumentation } from './package/documentation.ts'
import { CHECKOUT, settle } from './package/files.ts'
import { copyProgram } from './package/program.ts'

/** Debian's names of processors. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

const { values } = parseArgs({
  options: {
    version: { type: 'string', default: debianVersion() },
    into: { type: 'string', default: join(CHECKOUT, 'release') },
  },
})
const architecture = ARCHITECTURES[process.arch]
if (architecture === undefined) throw new Error(`there is no Node and no PostgreSQL to pack for ${process.arch}`)
const made = { version: values.version, architecture, date: commitDate() }

const root = mkdtempSync(join(tmpdir(), 'postferry-package-'))
try {
  await copyProgram(root)
  await writeDocumentation(root, made)
  writeControl(root, made)
  settle(root, made.date)
  pack(join(values.into, `postferry_${made.version}_${architecture}.deb`))
} finally {
  rmSync(root, { recursive: true })
}

function pack(file: string): void {
  mkdirSync(values.into, { recursive: true })
  const options = ['--root-owner-group', '--build', root, file]
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(made.date.getTime() / 1_000) }
  const { status, error } = spawnSync('dpkg-deb', options, { env, stdio: 'inherit' })
  if (error !== undefined) throw new Error('dpkg-deb is missing: the package is made on Debian', { cause: error })
  if (status !== 0) process.exitCode = 1
}

/** What comes before a release sorts before it. */
function debianVersion(): string {
  return JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')).version.replace('-', '~')
}

/** Of the commit; where there is none, of the changelog: every file in the package has it. */
function commitDate(): Date {
  const { status, stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: CHECKOUT, encoding: 'utf8' })
  if (status === 0) return new Date(Number(stdout) * 1_000)
  throw new Error('the package is made of a commit: git tells no date here')
}
