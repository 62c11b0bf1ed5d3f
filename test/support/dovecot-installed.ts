import { execFileSync } from 'node:child_process'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Debian } from './debian.ts'

const SHIPPED = join(import.meta.dirname, '../../deploy/dovecot')

export interface Installation {
  /** The name that README gives to our main file. */
  as: string
  /** Changes our main file. */
  change?: (text: string) => string
  /** Where the Lua script lies, other than README says. */
  lua?: string
  /** Debian's files, and more than them, by name. */
  also?: Record<string, string>
}

/** Debian's own configuration, copied, with ours installed as README says. @returns Dovecot's reading of it */
export async function installed(
  t: Test,
  debian: Debian,
  { as, change, lua, also = {} }: Installation,
): Promise<string> {
  const folder = join(t.testdir(), 'dovecot')
  const shipped = join(SHIPPED, debian.dovecot)
  await cp(`${debian.root}/usr/share/dovecot`, folder, { recursive: true })
  const authFile = join(folder, 'conf.d/10-auth.conf')
  await writeFile(authFile, (await readFile(authFile, 'utf8')).replace(/^!include auth-system/m, '#$&'))
  await cp(shipped, join(folder, 'conf.d'), { recursive: true, filter: (path) => !path.endsWith('.conf') })
  const own = await readFile(join(shipped, 'postferry.conf'), 'utf8')
  const files = { 'conf.d/10-ssl.conf': 'ssl = no\n', ...also, [`conf.d/${as}`]: change ? change(own) : own }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  if (lua !== undefined) {
    const file = join(folder, 'conf.d/postferry-lua.conf.ext')
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll('/etc/dovecot/postferry.lua', lua))
  }
  const [program = '', ...args] = [...debian.enter, 'doveconf', '-n', '-c', join(folder, 'dovecot.conf')]
  return execFileSync(program, args, { encoding: 'utf8' })
}
