import { readFileSync, type Stats, statSync } from 'node:fs'

type Table = '/etc/passwd' | '/etc/group'

/** The fields of somebody's line. */
export function entryOf(table: Table, name: string): string[] | undefined {
  return name === '' ? undefined : linesOf(table).find(([first]) => first === name)
}

/** Its name where it has one. */
export function groupWith(gid: number): string {
  return linesOf('/etc/group').find(([, , number]) => number === String(gid))?.[0] ?? String(gid)
}

function linesOf(table: Table): string[][] {
  return readFileSync(table, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
}

/** Null: it is not there, or this user cannot tell. */
export function statOf(path: string): Stats | null {
  return tried(() => statSync(path), null)
}

/** What the file system says; where it refuses, something else. */
export function tried<T>(ask: () => T, otherwise: T): T {
  try {
    return ask()
  } catch {
    return otherwise
  }
}
