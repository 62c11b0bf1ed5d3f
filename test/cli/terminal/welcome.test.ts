import t from 'tap'
import { welcome } from '../../../src/cli/terminal/welcome.ts'
import { loadSettings } from '../../../src/settings.ts'

t.test('the URLs that a start shows can be opened, those with an IPv6 address, too', async (t) => {
  const shown = (POSTFERRY_HOST: string) => welcome(loadSettings({ POSTFERRY_HOST })).match(/http:\S+/g)
  t.same(shown('::1'), ['http://[::1]:8025', 'http://[::1]:8025/admin'])
  t.same(shown('127.0.0.1'), ['http://127.0.0.1:8025', 'http://127.0.0.1:8025/admin'])
  t.same(shown('localhost'), ['http://localhost:8025', 'http://localhost:8025/admin'])
})
