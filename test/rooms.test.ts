import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'

const SRC = join(import.meta.dirname, '../src')

// What each room may import, apart from itself. The files right below src wire the rooms together.
const MAY_IMPORT: Record<string, readonly string[]> = {
  model: [],
  policy: ['model'],
  db: ['model', 'policy'],
  hash: ['policy'],
  imap: ['model', 'policy'],
  maildir: ['model', 'policy'],
  proofs: ['policy'],
  seal: ['policy'],
  emit: ['model'],
  copy: ['model', 'policy'],
  doors: ['model', 'policy', 'config.ts', 'data-dir.ts'],
}

// Adapters implement the interfaces of the policy: its types are all that they may know of it.
const TYPES_ONLY = ['copy', 'db', 'hash', 'imap', 'maildir', 'proofs', 'seal']

t.test('imports run one way: doors → policy → model, and adapters do not know each other', async (t) => {
  const broken = sources().flatMap(({ file, room, imports }) =>
    imports
      .filter(({ target, typeOnly }) => !mayImport(room, target, typeOnly))
      .map(({ target }) => `${file} imports ${target}`),
  )
  t.same(broken, [])
})

t.test('every room has a rule', async (t) => {
  const rooms = new Set(
    sources()
      .map(({ room }) => room)
      .filter((room) => !room.includes('.')),
  )
  t.same([...rooms].sort(), Object.keys(MAY_IMPORT).sort())
})

function mayImport(room: string, target: string, typeOnly: boolean) {
  const allowed = MAY_IMPORT[room]
  const to = target.split('/')[0] ?? ''
  if (allowed === undefined || to === room) return true
  return allowed.includes(to) && (to !== 'policy' || typeOnly || !TYPES_ONLY.includes(room))
}

function sources() {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.c?ts$/.test(file))
    .map((file) => {
      const text = readFileSync(join(SRC, file), 'utf8')
      const imports = [...text.matchAll(/^import (type )?[^'"]*from ['"](\.[^'"]+)['"]/gm)].map(
        ([, type, path = '']) => ({
          target: relative(SRC, join(SRC, dirname(file), path)),
          typeOnly: type !== undefined,
        }),
      )
      return { file, room: file.split('/')[0] ?? '', imports }
    })
}
