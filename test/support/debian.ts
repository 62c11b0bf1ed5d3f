import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A release of Debian, whose servers and tools are run. */
export interface Debian {
  readonly release: 12 | 13
  readonly dovecot: '2.3' | '2.4'
  /** Its `/etc` and `/usr` are in here; empty for the machine's own. */
  readonly root: string
  /** Stands before a program and its arguments, so that they are this release's. */
  readonly enter: readonly string[]
}

const DOVECOT = { 12: '2.3', 13: '2.4' } as const

/** The machine's own. */
export const OWN = own()

/** The one that a new server has today, and the one before it. */
export function bothDebians(): readonly Debian[] {
  return [debian(13), debian(12)]
}

/** @throws with the line that makes it */
export function debian(release: 12 | 13): Debian {
  if (release === OWN.release) return OWN
  const script = join(import.meta.dirname, 'debian-root.sh')
  const root = execFileSync('sh', [script, `${release}`, 'where'], { encoding: 'utf8' }).trim()
  if (!existsSync(root)) throw new Error(`Debian ${release} is missing: sh test/support/debian-root.sh ${release}`)
  if (process.getuid?.() !== 0) throw new Error(`Debian ${release} is entered by root only: run this test as root`)
  return { release, dovecot: DOVECOT[release], root, enter: ['sh', join(import.meta.dirname, 'within.sh'), root] }
}

function own(): Debian {
  const [, release] = /^VERSION_ID="(12|13)"$/m.exec(readFileSync('/etc/os-release', 'utf8')) ?? []
  if (release === '12') return { release: 12, dovecot: DOVECOT[12], root: '', enter: [] }
  if (release === '13') return { release: 13, dovecot: DOVECOT[13], root: '', enter: [] }
  throw new Error('the tests and the demo run on Debian 12 or 13')
}
