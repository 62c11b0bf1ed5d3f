import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const UNITS = join(import.meta.dirname, '../../deploy/systemd')

t.test('no unit writes its memory to the disk, or makes files that others may read', async (t) => {
  for (const unit of ['postferry.service', 'postferry-sync.service']) {
    const lines = readFileSync(join(UNITS, unit), 'utf8').split('\n')
    const service = lines.slice(lines.indexOf('[Service]'), lines.indexOf('[Install]'))
    for (const line of ['LimitCORE=0', 'UMask=0077']) t.ok(service.includes(line), `${unit}: ${line}`)
  }
})

t.end()
