import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runProgram } from '../support/service.ts'

const UNITS = join(import.meta.dirname, '../../deploy/systemd')
const OURS = ['postferry.service', 'postferry-sync.service', 'postferry-postgresql.service']

const folder = mkdtempSync(join(tmpdir(), 'postferry-units-'))
t.after(() => rmSync(folder, { recursive: true }))

t.test('no unit writes its memory to the disk, or makes files that others may read', async (t) => {
  for (const unit of OURS) {
    const lines = textOf(unit).split('\n')
    const service = lines.slice(lines.indexOf('[Service]'), lines.indexOf('[Install]'))
    for (const line of ['LimitCORE=0', 'UMask=0077']) t.ok(service.includes(line), `${unit}: ${line}`)
  }
})

t.test('systemd finds no unknown word in a unit, and little that a service could do besides its work', async (t) => {
  for (const unit of readdirSync(UNITS).filter((name) => name.endsWith('.service'))) {
    t.same(await analyze('verify', unit, textOf(unit), '--man=no'), { exitCode: 0, stdout: '', stderr: '' }, unit)
  }
  for (const unit of OURS) t.ok((await exposure(unit, textOf(unit))) <= 2, unit)
})

t.test('a worker that becomes the owner of each home can do little more than that', async (t) => {
  const text = textOf('postferry-sync.service') + textOf('postferry-sync-owners.conf')
  t.same(await analyze('verify', 'owners.service', text, '--man=no'), { exitCode: 0, stdout: '', stderr: '' })
  t.ok((await exposure('owners.service', text)) <= 3)
})

/** What systemd makes of it, from 0 (harmless) to 10. */
async function exposure(unit: string, text: string): Promise<number> {
  const { stdout } = await analyze('security', unit, text, '--offline=true')
  return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1])
}

/** The programs need not be installed. */
async function analyze(command: string, unit: string, text: string, ...options: string[]) {
  const file = join(folder, unit)
  writeFileSync(file, text.replaceAll(/\/opt\/postferry\/bin\/\S+/g, '/bin/true'))
  return await runProgram('systemd-analyze', [command, ...options, file], { PATH: '/usr/bin:/bin', LC_ALL: 'C' })
}

function textOf(file: string): string {
  return readFileSync(join(UNITS, file), 'utf8')
}
