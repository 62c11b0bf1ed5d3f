import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { reference } from '../support/reference.ts'

t.test('docs/reference.md says what commands, settings and routes say; npm run docs renews it', async (t) => {
  t.equal(readFileSync(join(import.meta.dirname, '../../docs/reference.md'), 'utf8'), await reference())
})
