import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** A block of a configuration, such as `service auth-worker { … }`; the whole of it is one too. */
export interface Block {
  /** `service` */
  readonly kind: string
  /** `auth-worker`, or empty */
  readonly name: string
  readonly settings: Map<string, string>
  readonly blocks: Block[]
}

/** A Dovecot and what its configuration says otherwise than its defaults. */
export interface Dovecot {
  /** Such as [2, 4, 1]. */
  readonly version: readonly number[]
  readonly versionText: string
  readonly file: string
  readonly all: Block
}

const run = promisify(execFile)
const LIMIT_MS = 10_000
const TITLE = /^# (\d+(?:\.\d+)+)\S*(?: \(\S+\))?: (.*)$/m

/** The Dovecot of this host; null: there is none. @throws with Dovecot's own words when it cannot be read */
export async function readDovecot(file: string | undefined): Promise<Dovecot | null> {
  try {
    const { stdout } = await run('doveconf', ['-n', ...(file === undefined ? [] : ['-c', file])], { timeout: LIMIT_MS })
    return parseDoveconf(stdout)
  } catch (error) {
    const { code, stderr, message } = error as Error & { code?: string | number; stderr?: string }
    if (code === 'ENOENT') return null
    throw new Error(stderr?.trim().split('\n').at(-1) || message)
  }
}

/** Reads what `doveconf -n` prints. */
export function parseDoveconf(text: string): Dovecot {
  const [, versionText = '', file = ''] = TITLE.exec(text) ?? []
  if (versionText === '') throw new Error('doveconf does not say which Dovecot it is of')
  const all: Block = block('', '')
  const open = [all]
  for (const line of text.split('\n').map((line) => line.trim())) {
    const inner = open.at(-1) ?? all
    const [, kind = '', name = ''] = /^(\S+)(?: (.*))? \{$/.exec(line) ?? []
    const [, key = '', value = ''] = /^([\w/-]+) = ?(.*)$/.exec(line) ?? []
    if (line === '}') open.pop()
    else if (kind !== '') {
      const one = block(kind, unquoted(name))
      inner.blocks.push(one)
      open.push(one)
    } else if (key !== '') inner.settings.set(key, unquoted(value))
  }
  return { version: versionText.split('.').map(Number), versionText, file, all }
}

function block(kind: string, name: string): Block {
  return { kind, name, settings: new Map(), blocks: [] }
}

function unquoted(value: string): string {
  return /^".*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value
}

/** The wanted ones of a block's own settings, as Dovecot reads them: a line each. */
export function settingLines(settings: ReadonlyMap<string, string>, wanted: RegExp): string {
  return [...settings].flatMap(([key, value]) => (wanted.test(key) ? [`${key} = ${quoted(value)}\n`] : [])).join('')
}

/** As Dovecot reads it back: a backslash, a hash or a blank at an end would be another value. */
export function quoted(value: string): string {
  return /["\\#]|^\s|\s$/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value
}

/** Whether it is an earlier one than, say, 2.4.3. */
export function isBefore({ version }: Dovecot, ...than: number[]): boolean {
  const index = than.findIndex((number, index) => number !== (version[index] ?? 0))
  return index >= 0 && (version[index] ?? 0) < (than[index] ?? 0)
}

/** The block with this name inside; an empty one when nothing in it is set. */
export function within({ blocks }: Block, kind: string, name: string): Block {
  return blocks.find((one) => one.kind === kind && one.name === name) ?? block(kind, name)
}
