import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'

const SRC = join(import.meta.dirname, '../src')

/** `import … from`, `export … from`, and `import(…)`. */
const IMPORTED = /^(?:import|export) (type )?[^'"]*from '(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm

// Values and types that each room may import from others; `types` lists rooms whose types alone it may know. The
// programs and the room `wiring` put everything together.
const WALLS: Record<string, { readonly values: readonly string[]; readonly types?: readonly string[] }> = {
  model: { values: [] },
  source: { values: ['model'] },
  auth: { values: ['model'], types: ['source', 'keys'] },
  routing: { values: ['model'], types: ['auth'] },
  ledger: { values: ['model', 'files'] },
  keys: { values: ['model', 'files', 'settings.ts', 'setting-kinds.ts'] },
  copying: { values: ['model', 'ledger'], types: ['source', 'keys', 'operations'] },
  operations: {
    values: ['model', 'auth', 'copying', 'ledger', 'installed.ts'],
    types: ['routing', 'source', 'keys', 'settings.ts'],
  },
  // Adapters implement the interfaces of the rooms above, and do not know each other.
  files: { values: ['settings.ts'] },
  db: {
    values: ['model', 'files', 'installed.ts'],
    types: ['auth', 'routing', 'source', 'keys', 'ledger', 'copying', 'operations'],
  },
  imap: { values: ['model'], types: ['source', 'ledger', 'copying'] },
  smtp: { values: ['model'], types: ['routing'] },
  maildir: { values: ['model', 'files'], types: ['ledger', 'copying'] },
  engines: { values: [] },
  // What an engine is; none knows another, and nobody else knows any.
  'engines/*': {
    values: ['model', 'files', 'engines', 'installed.ts'],
    types: ['ledger', 'copying', 'keys', 'settings.ts'],
  },
  // Interfaces translate.
  http: { values: ['model', 'auth', 'routing', 'operations', 'source', 'ledger', 'settings.ts', 'installed.ts'] },
  cli: {
    values: [
      ...['model', 'operations', 'routing', 'copying', 'source', 'ledger', 'keys', 'files', 'http', 'settings.ts'],
      ...['settings-file.ts', 'installed.ts'],
    ],
  },
  wiring: { values: ['*'] },
  'settings.ts': { values: ['model', 'setting-kinds.ts'] },
  'setting-kinds.ts': { values: ['model', 'keys', 'database-url.ts'] },
  'database-url.ts': { values: [] },
  'settings-file.ts': { values: ['settings.ts'] },
  'main.ts': { values: ['*'] },
  'emit-offlineimaprc.ts': { values: ['*'] },
  'embedded-postgresql.ts': { values: ['*'] },
  'postfix-sasl.ts': { values: [] },
  'systemd.ts': { values: [] },
  'installed.ts': { values: [] },
  'checkpassword.cts': { values: [] },
}

t.test('imports run one way, and adapters do not know each other', async (t) => {
  const broken = imports()
    .filter(({ from, to, typeOnly }) => !mayImport(from, to, typeOnly))
    .map(({ file, target }) => `${file} imports ${target}`)
  t.same(broken, [])
})

t.test('every room has a rule', async (t) => {
  const rooms = new Set(sources().map((file) => ruleOf(roomOf(file))))
  t.same([...rooms].sort(), Object.keys(WALLS).sort())
})

function mayImport(from: string, to: string, typeOnly: boolean): boolean {
  const { values, types = [] } = WALLS[ruleOf(from)] ?? { values: [] }
  if (from === to || values.includes('*') || values.includes(to)) return true
  return typeOnly && types.includes(to)
}

function ruleOf(room: string): string {
  return room.replace(/^engines\/.*/, 'engines/*')
}

function roomOf(file: string): string {
  const [room = '', engine = '', ...rest] = file.split('/')
  return room === 'engines' && rest.length > 0 ? `${room}/${engine}` : room
}

function sources(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => /\.c?ts$/.test(file))
}

function imports() {
  return sources().flatMap((file) => {
    const text = readFileSync(join(SRC, file), 'utf8')
    return [...text.matchAll(IMPORTED)].map(([, type, named, loaded = '']) => {
      const target = relative(SRC, join(SRC, dirname(file), named ?? loaded))
      return { file, target, from: roomOf(file), to: roomOf(target), typeOnly: type !== undefined }
    })
  })
}
