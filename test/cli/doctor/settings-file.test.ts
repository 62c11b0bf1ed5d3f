import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkSettingsFile } from '../../../src/cli/doctor/host.ts'

t.test('a settings file is changed by root alone, and one with a secret is closed to others', async (t) => {
  const file = join(t.testdir({}), 'postferry.env')
  const found = (text: string, mode: number) => {
    writeFileSync(file, text)
    chmodSync(file, mode)
    return [...checkSettingsFile(file)]
  }
  const [plain, local] = ['POSTFERRY_PORT=0\n', 'DATABASE_URL=postgresql:///x?host=/run/pg&user=x\n']
  for (const text of [plain, local, '#POSTFERRY_AUTH_TOKEN=x\n']) t.match(found(text, 0o644), [{ result: 'ok' }])
  for (const secret of [
    'DATABASE_URL=postgresql://u:hidden@db/x\n',
    'POSTFERRY_AUTH_TOKEN=hidden\n',
    ' POSTFERRY_PANEL_KEY = hidden\n',
  ]) {
    t.match(found(`${plain}${secret}`, 0o640), [{ result: 'ok' }])
    const [finding] = found(`${plain}${secret}`, 0o644)
    t.match(finding, { result: 'fail', remedy: `chown root:postferry ${file} && chmod 640 ${file}` })
    t.notMatch(JSON.stringify(finding), 'hidden')
  }
  t.match(found(plain, 0o664), [{ result: 'fail', found: /can be written by others \(mode 0664\)/ }])
  t.same([...checkSettingsFile('')], [], 'none is read')
  t.same([...checkSettingsFile(join(file, 'none'))], [])
})
