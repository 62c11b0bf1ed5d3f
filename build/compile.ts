// Makes dist from src with Node alone, because an installation has no compiler. The types become blanks: each line of
// dist has the number that it has in src.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'

const SRC = join(import.meta.dirname, '../src')
const DIST = join(import.meta.dirname, '../dist')

const compiled = new Set<string>()
for (const file of filesIn(SRC)) {
  const target = file.replace(/\.(c?)ts$/, '.$1js')
  mkdirSync(dirname(join(DIST, target)), { recursive: true })
  if (target === file) copyFileSync(join(SRC, file), join(DIST, file))
  else writeFileSync(join(DIST, target), javascript(readFileSync(join(SRC, file), 'utf8')))
  compiled.add(target)
}
// What is left of older versions goes last: commands may be running.
for (const file of filesIn(DIST).filter((file) => !compiled.has(file))) rmSync(join(DIST, file))

function javascript(typescript: string): string {
  return stripTypeScriptTypes(typescript).replace(/((?:\bfrom |\bimport\()'\.[^'\n]*\.c?)ts'/g, "$1js'")
}

function filesIn(folder: string): string[] {
  mkdirSync(folder, { recursive: true })
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
}
